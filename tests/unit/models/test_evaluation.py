import numpy as np
import pytest

from streams.domain.label import SENTIMENT_LABELS, TOPIC_SLUGS
from streams.errors import Misconfigured
from streams.models.evaluation import Columns, evaluate, read


class FakeModel:
    labels = SENTIMENT_LABELS
    version = "sentiment-0.0.0-test"

    def score(self, pairs):
        """Positive where the text says so, negative else."""
        return np.array([[0.1, 0.1, 0.8] if "up" in text else [0.8, 0.1, 0.1] for text, _ in pairs])


def csv_file(tmp_path, content: str):
    path = tmp_path / "labelled.csv"
    path.write_text(content, "utf-8")
    return path


def test_figures_have_the_keys_that_outside_checks_rely_on(tmp_path):
    path = csv_file(tmp_path, "text,label\nup we go,positive\ndown,negative\nup?,negative\n")
    figures = evaluate(FakeModel(), read(path, Columns(), SENTIMENT_LABELS))
    assert set(figures) >= {
        "n", "accuracy", "macro_f1", "weighted_f1", "ece", "per_class", "texts_per_second", "model_version"
    }  # fmt: skip
    assert figures["confusion"]["negative"] == {"negative": 1, "neutral": 0, "positive": 1}
    assert figures["intervals"]["accuracy"][0] <= figures["accuracy"] <= figures["intervals"]["accuracy"][1]
    assert figures["slices"]["language=en"]["n"] == 3
    assert figures["n"] == 3
    assert figures["accuracy"] == pytest.approx(2 / 3, abs=1e-4)
    assert figures["model_version"] == "sentiment-0.0.0-test"


def test_topic_labels_are_accepted_as_slug_and_as_title(tmp_path):
    path = csv_file(
        tmp_path, 'text,label\na,Company & Product News\nb,company_product_news\nc,"M&A & Investments"\n'
    )
    truth = read(path, Columns(), TOPIC_SLUGS).truth
    assert [TOPIC_SLUGS[i] for i in truth] == [
        "company_product_news",
        "company_product_news",
        "ma_investments",
    ]


def test_target_and_columns_can_be_named(tmp_path):
    path = csv_file(tmp_path, "title,entity,sentiment\nAcme up &amp; away,Acme,Positive\n")
    labelled = read(path, Columns("title", "sentiment", "entity"), SENTIMENT_LABELS)
    assert labelled.pairs == [("Acme up & away", "Acme")]


def test_language_keeps_matching_rows_and_all_rows_of_a_file_without_that_column(tmp_path):
    path = csv_file(tmp_path, "text,label,language\na,neutral,en\n涨,positive,zh\n")
    assert read(path, Columns(), SENTIMENT_LABELS, "zh").pairs == [("涨", "")]
    plain = csv_file(tmp_path, "text,label\na,neutral\n")
    assert len(read(plain, Columns(), SENTIMENT_LABELS, "zh").pairs) == 1


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("text,label\na,great\n", "labelled.csv:2: label 'great' is none of negative, neutral, positive"),
        ("body,label\na,neutral\n", "no column text; it has body, label"),
        ("text,label\n", "no labelled row"),
    ],
)
def test_a_file_that_does_not_fit_is_refused_in_one_clear_line(tmp_path, content, message):
    with pytest.raises(Misconfigured, match=message):
        read(csv_file(tmp_path, content), Columns(), SENTIMENT_LABELS)


def test_a_missing_file_is_one_clear_line(tmp_path):
    with pytest.raises(Misconfigured, match="cannot read"):
        read(tmp_path / "absent.csv", Columns(), SENTIMENT_LABELS)


def test_flashes_are_mapped_onto_one_topic_and_unknown_ones_left_out(tmp_path):
    path = tmp_path / "flashes.json"
    path.write_text('[["欧元下跌", "外国 外汇"], ["无", "费劲"]]', "utf-8")
    labelled = read(path, Columns(), TOPIC_SLUGS)
    assert [TOPIC_SLUGS[i] for i in labelled.truth] == ["currencies"]
