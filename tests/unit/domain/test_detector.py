"""Tails against scipy.stats, thresholds and gates."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from streams.domain.detector import (
    Expectation,
    SpanCount,
    Thresholds,
    beta_binomial_tail,
    fires,
    holds,
    judge,
    negative_binomial_tail,
    passes_gates,
    significant,
)

LIMITS = Thresholds()
SURGE = SpanCount(negatives=20, stories=24, documents=25, sources=9)
CALM = Expectation(mean=0.6, size=5.0, share_a=10.0, share_b=50.0)


@given(st.integers(1, 200), st.floats(0.001, 200), st.floats(0.2, 100))
def test_count_tail_is_the_negative_binomial_survival_function(k, mean, size):
    expected = stats.nbinom.sf(k - 1, size, size / (size + mean))
    assert negative_binomial_tail(k, mean, size) == pytest.approx(expected, rel=1e-8, abs=1e-290)


@given(st.integers(0, 80), st.integers(0, 80), st.floats(0.1, 200), st.floats(0.1, 200))
def test_share_tail_is_the_beta_binomial_survival_function(k, more, a, b):
    n = k + more
    assert beta_binomial_tail(k, n, a, b) == pytest.approx(
        stats.betabinom.sf(k - 1, n, a, b), rel=1e-6, abs=1e-12
    )


def test_far_count_tail_keeps_its_relative_accuracy_where_one_minus_cdf_is_zero():
    assert negative_binomial_tail(60, 0.5, 4.0) == pytest.approx(
        sum(stats.nbinom.pmf(range(60, 400), 4.0, 4.0 / 4.5)), rel=1e-9
    )
    assert 0 < negative_binomial_tail(60, 0.5, 4.0) < 1e-40


def test_no_negatives_is_certain_and_more_than_all_is_impossible():
    assert negative_binomial_tail(0, 3.0, 1.0) == 1.0
    assert beta_binomial_tail(0, 5, 1.0, 1.0) == 1.0
    assert beta_binomial_tail(6, 5, 1.0, 1.0) == 0.0


def test_surge_fires_and_holds():
    verdict = judge("1h", SURGE, CALM)
    assert fires(verdict, LIMITS)
    assert holds(verdict, LIMITS)
    assert verdict.ratio == pytest.approx(20 / 0.6)


@pytest.mark.parametrize(
    "count",
    [
        replace(SURGE, negatives=4),
        replace(SURGE, sources=2),
        replace(SURGE, stories=200),
    ],
    ids=["too few stories", "too few sources", "ordinary share"],
)
def test_one_missing_condition_keeps_the_rule_silent(count):
    assert not fires(judge("1h", count, CALM), LIMITS)


def test_small_excess_over_a_busy_normal_is_no_surge_whatever_its_p_value():
    busy = Expectation(mean=300.0, size=1e6, share_a=1.0, share_b=50.0)
    verdict = judge("24h", SpanCount(450, 500, 450, 60), busy)
    assert verdict.p_value < LIMITS.count_p
    assert not fires(verdict, LIMITS)


def test_close_thresholds_are_looser_than_the_opening_ones():
    verdict = judge("1h", SpanCount(4, 6, 4, 2), CALM)
    assert not fires(verdict, LIMITS)
    assert holds(verdict, LIMITS)


def test_gates_need_no_history():
    assert passes_gates(SURGE, LIMITS)
    assert not passes_gates(replace(SURGE, negatives=4), LIMITS)


@given(st.floats(1e-300, 1e300))
def test_rounding_twice_changes_nothing(value):
    assert significant(significant(value)) == significant(value)
    assert significant(value) == pytest.approx(value, rel=1e-5)
