import numpy as np

from streams.models import ablation

GENERATOR = np.random.default_rng(5)
TRUTH = GENERATOR.integers(0, 3, 600)


def test_a_run_compared_with_itself_differs_by_nothing():
    decided = np.where(GENERATOR.random(600) < 0.8, TRUTH, 0)
    figures = ablation.compared(TRUTH, decided, decided, 3)
    assert figures["difference_95"] == [0, 0]
    assert figures["macro_f1_95"][0] < figures["macro_f1"] < figures["macro_f1_95"][1]


def test_a_clearly_better_run_has_an_interval_above_zero():
    worse = np.where(GENERATOR.random(600) < 0.6, TRUTH, (TRUTH + 1) % 3)
    better = np.where(GENERATOR.random(600) < 0.9, TRUTH, worse)
    assert ablation.compared(TRUTH, better, worse, 3)["difference_95"][0] > 0


def test_only_what_differs_from_the_base_is_named():
    base = {"epochs": 3, "r_drop": 0.0, "seed": 17, "base_model": "x"}
    assert ablation.changed(base, base | {"r_drop": 0.5, "seed": 29}) == {"r_drop": 0.5}
