import numpy as np
import pytest

from streams.models import calibration, metrics

LABELS = ("negative", "neutral", "positive")


def one_hot(*classes: int, confidence: float = 1.0):
    rest = (1 - confidence) / 2
    return np.array([[confidence if i == c else rest for i in range(3)] for c in classes])


def test_report_agrees_with_figures_worked_out_by_hand():
    truth = np.array([0, 0, 1, 1, 2])
    report = metrics.report(truth, one_hot(0, 1, 1, 1, 0), LABELS)
    # negative: P 1/2, R 1/2; neutral: P 2/3, R 1; positive: never predicted
    assert report.accuracy == pytest.approx(3 / 5)
    assert report.per_class["negative"].f1 == pytest.approx(0.5)
    assert report.per_class["neutral"].f1 == pytest.approx(0.8)
    assert report.per_class["positive"].f1 == 0
    assert report.macro_f1 == pytest.approx((0.5 + 0.8 + 0) / 3)
    assert report.weighted_f1 == pytest.approx((2 * 0.5 + 2 * 0.8 + 0) / 5)


def test_macro_f1_leaves_out_a_class_that_neither_occurs_nor_is_predicted():
    report = metrics.report(np.array([0, 1]), one_hot(0, 1), LABELS)
    assert report.macro_f1 == 1
    assert report.per_class["positive"].support == 0


def test_perfect_confidence_that_is_always_right_has_no_calibration_error():
    assert metrics.expected_calibration_error(np.array([0, 1, 2]), one_hot(0, 1, 2)) == 0


def test_calibration_error_is_the_gap_between_confidence_and_accuracy():
    # all in one bin: confidence .8, right in one of two
    error = metrics.expected_calibration_error(np.array([0, 1]), one_hot(0, 0, confidence=0.8))
    assert error == pytest.approx(0.3)


def test_gaps_of_two_bins_do_not_cancel_out():
    probabilities = np.vstack([one_hot(0, confidence=0.9), one_hot(0, confidence=0.6)])
    # right at .6, wrong at .9: |.9 - 0| / 2 + |.6 - 1| / 2
    assert metrics.expected_calibration_error(np.array([1, 0]), probabilities) == pytest.approx(0.65)


def test_report_is_json_ready_with_every_class():
    figures = metrics.report(np.array([0]), one_hot(0), LABELS).as_dict()
    assert set(figures) == {"n", "accuracy", "macro_f1", "weighted_f1", "ece", "per_class"}
    assert figures["per_class"]["negative"] == {"precision": 1.0, "recall": 1.0, "f1": 1.0, "support": 1}


def test_temperature_that_scaled_the_logits_is_found_again():
    rng = np.random.default_rng(5)
    logits = rng.normal(size=(4_000, 3)) * 2
    probabilities = calibration.softmax(logits)
    truth = np.array([rng.choice(3, p=row) for row in probabilities])
    assert calibration.fit_temperature(logits * 2.5, truth) == pytest.approx(2.5, rel=0.1)


def test_temperature_changes_no_decision():
    logits = np.random.default_rng(1).normal(size=(50, 20))
    assert (calibration.softmax(logits).argmax(1) == calibration.softmax(logits / 3).argmax(1)).all()
