from __future__ import annotations

import numpy as np
import pytest

from streams.backtest.inference import benjamini_hochberg, cluster_bootstrap, holm, newey_west


def test_without_lags_newey_west_is_the_ordinary_t():
    series = np.random.default_rng(2).normal(size=30)
    apart = np.full(120, np.nan)
    apart[::4] = series
    found = newey_west(apart)
    assert found.lags == 3
    assert found.t == pytest.approx(series.mean() / (series.std(ddof=1) / np.sqrt(30)))


def test_newey_west_is_the_sum_of_bartlett_weighted_autocovariances():
    series = np.random.default_rng(3).normal(size=50)
    e = series - series.mean()
    weighted = sum((1 - lag / 5) * (e[lag:] @ e[:-lag]) for lag in range(1, 5))
    variance = e @ e + 2 * weighted
    assert newey_west(series, 2).t == pytest.approx(
        series.mean() / (np.sqrt(variance) / 50 * np.sqrt(50 / 49))
    )


def test_overlapping_returns_do_not_make_a_finding_out_of_nothing():
    rng = np.random.default_rng(1)
    naive = honest = 0
    for _ in range(300):
        steps = rng.normal(size=509)
        overlapping = np.convolve(steps, np.ones(10), "valid")
        naive += abs(overlapping.mean() / (overlapping.std(ddof=1) / np.sqrt(500))) > 1.96
        honest += newey_west(overlapping, 9).p_value < 0.05
    assert naive > 120
    assert honest < 45


def test_a_few_sessions_give_a_mean_and_no_t():
    """Five sessions of a return over twenty gave p = 1e-37 with a variance of 38 lags."""
    series = np.array([-0.05, -0.06, -0.058, -0.061, -0.06])
    found = newey_west(np.r_[series, np.full(200, np.nan)], 19)
    assert found.mean == pytest.approx(-0.0578)
    assert np.isnan(found.t)
    assert np.isnan(found.p_value)
    assert np.isnan(newey_west(np.random.default_rng(0).normal(size=60), 19).t)


def events(rng: np.random.Generator, effect: float) -> tuple[np.ndarray, np.ndarray]:
    """Four events a day on 40 days; a day's events share its shock."""
    days = np.repeat(np.arange(40), 4)
    return rng.normal(size=40)[days] + 0.5 * rng.normal(size=160) + effect, days


def test_without_an_effect_the_interval_covers_zero_at_its_rate():
    rng = np.random.default_rng(7)
    found = [cluster_bootstrap(*events(rng, 0.0), rng, draws=300) for _ in range(400)]
    covered = np.mean([interval.low <= 0 <= interval.high for interval in found])
    assert 0.92 <= covered <= 0.98


def test_a_planted_effect_is_found():
    rng = np.random.default_rng(7)
    interval = cluster_bootstrap(*events(rng, 1.0), rng)
    assert interval.low > 0
    assert interval.p_value < 0.01


def test_the_interval_is_that_of_days_and_not_of_events():
    rng = np.random.default_rng(7)
    values, days = events(rng, 0.0)
    by_day = cluster_bootstrap(values, days, rng)
    by_event = cluster_bootstrap(values, np.arange(len(values)), rng)
    assert by_day.high - by_day.low > 1.5 * (by_event.high - by_event.low)


def test_few_days_give_a_mean_and_no_interval():
    found = cluster_bootstrap(np.array([1.0, 2.0, 3.0]), np.array([1, 1, 2]), np.random.default_rng(0))
    assert found.mean == 2.0
    assert np.isnan(found.low)
    assert (found.events, found.days) == (3, 2)


def test_corrections_know_the_number_of_tests_and_skip_what_was_not_tested():
    p_values = [0.01, float("nan"), 0.04, 0.03]
    assert holm(p_values) == pytest.approx([0.03, float("nan"), 0.06, 0.06], nan_ok=True)
    assert benjamini_hochberg(p_values) == pytest.approx([0.03, float("nan"), 0.04, 0.04], nan_ok=True)
