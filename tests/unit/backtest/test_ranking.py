from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr

from streams.backtest.ranking import (
    aligned_returns,
    information_coefficients,
    judge_ranks,
    quantile_returns,
    turnover,
)
from tests.unit.backtest.markets import market, random_returns

SESSIONS, SYMBOLS = 400, 20


def test_the_rank_ic_is_spearmans_correlation_of_each_session():
    rng = np.random.default_rng(0)
    signal, returns = rng.integers(5, size=(3, 12)).astype(float), rng.normal(size=(3, 12))
    signal[1, :9] = np.nan
    found = information_coefficients(signal, returns)
    assert found[0] == pytest.approx(spearmanr(signal[0], returns[0]).statistic)
    assert np.isnan(found[1])


def test_a_signal_that_foresees_the_next_session_is_found_at_every_horizon_and_decays():
    rng = np.random.default_rng(4)
    signal = rng.normal(size=(SESSIONS, SYMBOLS))
    returns = random_returns(SESSIONS, SYMBOLS)
    returns[1:] += 0.004 * signal[:-1]
    bars = market(returns)
    tests = [judge_ranks(bars, signal, horizon, 1, 5) for horizon in (1, 5, 20)]
    assert tests[0].ic.mean > 0.25
    assert tests[0].ic.t > 10
    assert tests[0].ic.mean > tests[1].ic.mean > tests[2].ic.mean > 0
    assert tests[0].spread.mean == pytest.approx(0.0112, abs=0.004)
    assert list(tests[0].quantile_means) == sorted(tests[0].quantile_means)


def test_noise_is_found_at_its_rate():
    bars = market(random_returns(SESSIONS, SYMBOLS))
    rng = np.random.default_rng(9)
    found = [
        judge_ranks(bars, rng.normal(size=(SESSIONS, SYMBOLS)), 5, 1, 5).ic.p_value < 0.05 for _ in range(40)
    ]
    assert sum(found) <= 7


def test_a_signal_of_the_same_sessions_return_earns_nothing_after_it():
    """The planted look-ahead of every naive backtest: today's news explain today."""
    returns = random_returns(SESSIONS, SYMBOLS)
    found = judge_ranks(market(returns), returns, 1, 1, 5)
    assert abs(found.ic.t) < 3


def test_entering_in_the_session_of_the_news_is_refused():
    with pytest.raises(ValueError, match="at least one bar"):
        aligned_returns(market(random_returns(10, 3)), 1, 0)


def test_ties_stay_in_one_quantile_and_few_names_have_none():
    signal = np.array([[0.0, 0, 0, 0, 1, 1, 1, 1], [0, 1, 2, np.nan, np.nan, np.nan, np.nan, np.nan]])
    returns = np.tile(np.arange(8.0), (2, 1))
    found = quantile_returns(signal, returns, 2)
    assert found[0].tolist() == [1.5, 5.5]
    assert np.isnan(found[1]).all()


def test_turnover_is_the_share_of_new_names_in_the_extremes():
    still = np.tile(np.arange(10.0), (3, 1))
    assert turnover(still, 5) == 0
    turned = np.array([np.arange(10.0), np.arange(10.0)[::-1]])
    assert turnover(turned, 5) == 1
