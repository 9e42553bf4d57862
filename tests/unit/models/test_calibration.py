from types import SimpleNamespace

import numpy as np
import pytest

from streams.models import calibration, metrics, served


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
    scaling = calibration.temperature(logits, truth)
    assert (scaling.apply(logits).argmax(1) == logits.argmax(1)).all()
    assert scaling.scale[0] == pytest.approx(1 / 3, rel=0.35)


def test_scaling_that_was_fitted_on_other_texts_makes_confidences_honest(overconfident, folds):
    logits, truth = overconfident
    before = metrics.expected_calibration_error(truth, calibration.softmax(logits))
    unseen = calibration.cross_fitted("vector", logits, truth, folds)
    after = metrics.expected_calibration_error(truth, calibration.softmax(unseen))
    assert before > 0.2
    assert after < 0.03


def test_a_shifted_class_needs_more_than_a_temperature(overconfident, folds):
    assert calibration.best(*overconfident, folds) == "vector"


def test_of_honest_logits_little_is_changed(folds):
    generator = np.random.default_rng(4)
    logits = generator.normal(size=(3_000, 3)) * 2
    truth = np.array([generator.choice(3, p=row) for row in calibration.softmax(logits)])
    for fit in (calibration.vector, calibration.power):
        scaling = fit(logits, truth)
        assert scaling.scale == pytest.approx((1, 1, 1), abs=0.15)
        assert scaling.bias == pytest.approx((0, 0, 0), abs=0.15)
        assert scaling.power == pytest.approx(1, abs=0.15)


def test_confidences_pressed_together_are_taken_apart_without_changing_a_decision(folds):
    generator = np.random.default_rng(6)
    honest = generator.normal(size=(3_000, 3)) * 3
    truth = np.array([generator.choice(3, p=row) for row in calibration.softmax(honest)])
    pressed = np.log(0.85 * calibration.softmax(honest) + 0.05)
    assert calibration.best(pressed, truth, folds) == "power"
    unseen = calibration.cross_fitted("power", pressed, truth, folds)
    assert (unseen.argmax(1) == pressed.argmax(1)).all()
    assert metrics.expected_calibration_error(truth, calibration.softmax(unseen)) < 0.03


def test_a_served_expert_scales_as_the_fit_does():
    scaling = calibration.Scaling("power", (0.3, 0.3, 0.3), (0.0, 0.1, -0.1), 2.0)
    logits = np.random.default_rng(7).normal(size=(20, 3))
    expert = object.__new__(served.Expert)
    expert.power, expert.scale, expert.bias = scaling.power, np.array(scaling.scale), np.array(scaling.bias)
    expert.tokenizer = SimpleNamespace(encode_batch=lambda texts: [SimpleNamespace(ids=[i]) for i in texts])
    expert._engine = SimpleNamespace(logits=lambda ids: logits[[i for (i,) in ids]])
    assert expert.probabilities(range(20)) == pytest.approx(
        calibration.softmax(scaling.apply(logits)), abs=1e-6
    )
