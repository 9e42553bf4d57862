import numpy as np
import pytest

from streams.models import metrics
from streams.models.intervals import confusion, intervals, share_interval
from streams.models.slices import slices_of

LABELS = ("negative", "neutral", "positive")


def test_rows_fall_into_the_slices_that_describe_them():
    pairs = [
        ("Acme did not fall; Bolt rose 3%", "Acme"),
        ("Acme did not fall; Bolt rose 3%", "Bolt"),
        ("涨停", ""),
    ]
    rows = [{"origin": "a.csv"}, {"origin": "a.csv"}, {"language": "zh"}]
    found = slices_of(rows, pairs)
    assert found["language=en"] == found["several entities"] == found["origin=a.csv"] == [0, 1]
    assert found["negation"] == found["numbers"] == [0, 1]
    assert found["language=zh"] == found["no negation"] == found["no numbers"] == [2]
    assert found["length=short"] == [0, 1, 2]


@pytest.mark.parametrize("text", ["Profit didn't rise", "No dividend", "公司未盈利", "fails to deliver"])
def test_negation_is_seen_in_both_languages(text):
    assert "negation" in slices_of([{}], [(text, "")])


def test_an_interval_holds_the_figure_and_narrows_with_more_rows():
    generator = np.random.default_rng(1)

    def width(n: int) -> float:
        truth = generator.integers(0, 3, n)
        probabilities = np.eye(3)[np.where(generator.random(n) < 0.8, truth, (truth + 1) % 3)]
        figure = metrics.report(truth, probabilities, LABELS)
        found = intervals(truth, probabilities)
        for name in ("accuracy", "macro_f1", "weighted_f1"):
            low, high = found[name]
            assert low <= getattr(figure, name) <= high
        return found["accuracy"][1] - found["accuracy"][0]

    assert width(4_000) < width(100) / 3


def test_figures_from_the_confusion_matrix_are_those_of_the_report():
    truth, predicted = np.array([0, 0, 1, 2, 2]), np.array([0, 1, 1, 0, 2])
    assert confusion(truth, predicted, 3).tolist() == [[1, 1, 0], [0, 1, 0], [1, 0, 1]]


def test_the_interval_of_a_share_stays_between_0_and_1():
    assert share_interval([False] * 50)[0] == 0
    assert share_interval([False] * 50)[1] == pytest.approx(0.071, abs=0.002)  # Wilson, worked out by hand
    assert share_interval([]) == [0.0, 1.0]
