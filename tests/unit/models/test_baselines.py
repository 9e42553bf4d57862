import numpy as np

from streams.domain.label import SENTIMENT_LABELS, TOPIC_SLUGS
from streams.models.baselines import Baselines
from streams.models.evaluation import Labelled

ROWS = Labelled([("a", ""), ("b", ""), ("c", "")], np.array([1, 1, 0]))


def test_what_cannot_be_measured_here_is_in_the_table_with_its_reason():
    table = Baselines(None, None).table(ROWS, TOPIC_SLUGS)
    assert "skipped" in table["VADER lexicon"]
    assert "--data" in table["TF-IDF + logistic regression"]["skipped"]
    assert "--data" in table["untuned backbone + linear probe"]["skipped"]


def test_the_majority_class_is_always_among_the_baselines():
    row = Baselines(None, None).table(ROWS, SENTIMENT_LABELS)["majority class"]
    assert row["accuracy"] == 0.6667
    assert row["intervals"]["accuracy"][0] <= row["accuracy"] <= row["intervals"]["accuracy"][1]
