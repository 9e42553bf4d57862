import numpy as np
import pytest

from streams.models import calibration, metrics


@pytest.fixture
def overconfident():
    """Logits three times as sure as they may be, with a class that is called too often."""
    generator = np.random.default_rng(3)
    honest = generator.normal(size=(3_000, 3))
    honest[:, 0] -= 0.5
    chances = calibration.softmax(honest)
    truth = np.array([generator.choice(3, p=row) for row in chances])
    return 3 * (honest + np.array([0.8, 0, 0])), truth


@pytest.fixture
def folds():
    return [i % 5 for i in range(3_000)]


def test_temperature_changes_no_decision(overconfident):
    logits, truth = overconfident
    factors, shifts = calibration.temperature(logits, truth)
    assert ((logits * factors + shifts).argmax(1) == logits.argmax(1)).all()
    assert factors[0] == pytest.approx(1 / 3, rel=0.35)


def test_scaling_that_was_fitted_on_other_texts_makes_confidences_honest(overconfident, folds):
    logits, truth = overconfident
    before = metrics.expected_calibration_error(truth, calibration.softmax(logits))
    unseen = calibration.cross_fitted(calibration.vector, logits, truth, folds)
    after = metrics.expected_calibration_error(truth, calibration.softmax(unseen))
    assert before > 0.2
    assert after < 0.03


def test_a_shifted_class_needs_more_than_a_temperature(overconfident, folds):
    assert calibration.best(*overconfident, folds) == "vector"


def test_of_honest_logits_little_is_changed(folds):
    generator = np.random.default_rng(4)
    logits = generator.normal(size=(3_000, 3)) * 2
    truth = np.array([generator.choice(3, p=row) for row in calibration.softmax(logits)])
    factors, shifts = calibration.vector(logits, truth)
    assert factors == pytest.approx(1, abs=0.15)
    assert shifts == pytest.approx(0, abs=0.15)
