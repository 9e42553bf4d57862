from __future__ import annotations

import numpy as np
import pytest

from streams.backtest.event_study import (
    AbnormalReturns,
    Events,
    Normal,
    judge_car,
    placebo_means,
    rolling_market_model,
)
from tests.unit.backtest.markets import market, random_returns

SESSIONS, SYMBOLS = 500, 12


def some_events(count: int = 60, *, seed: int = 5) -> Events:
    rng = np.random.default_rng(seed)
    sessions = np.sort(rng.choice(np.arange(160, SESSIONS - 40), size=count, replace=False))
    return Events(sessions, rng.integers(SYMBOLS, size=count))


def with_drift(events: Events, a_day: float, *, first: int, days: int = 5, seed: int = 1) -> np.ndarray:
    returns = random_returns(SESSIONS, SYMBOLS, seed=seed)
    for session, symbol in zip(events.sessions, events.symbols, strict=True):
        returns[session + first : session + first + days, symbol] += a_day
    return returns


@pytest.mark.parametrize("normal", Normal)
def test_a_planted_drift_after_the_entry_is_found_with_its_size(normal: Normal):
    events = some_events()
    returns = AbnormalReturns.of(market(with_drift(events, -0.01, first=1)), normal)
    found = judge_car(returns, events, 5, 1, np.random.default_rng(0), draws=500)
    assert found.car.low < -0.05 < found.car.high < -0.03
    assert found.car.p_value < 0.01
    assert found.placebo_p_value < 0.01
    assert abs(found.placebo_mean) < 0.01


def test_a_jump_between_event_and_entry_is_shown_and_not_earned():
    """The session of the event falls by 5 %: too late for whoever enters at the next open."""
    events = some_events()
    returns = AbnormalReturns.of(market(with_drift(events, -0.05, first=0, days=1)), Normal.OTHERS)
    found = judge_car(returns, events, 5, 1, np.random.default_rng(0), draws=300)
    assert found.car.low < 0 < found.car.high
    assert returns.path(events, [0]).mean() < -0.04


def test_a_gap_at_the_open_of_the_entry_is_not_earned():
    events = some_events()
    gaps = np.zeros((SESSIONS, SYMBOLS))
    gaps[events.sessions + 1, events.symbols] = -0.05
    returns = random_returns(SESSIONS, SYMBOLS)
    returns[events.sessions + 1, events.symbols] -= 0.05
    found = AbnormalReturns.of(market(returns, gaps), Normal.OTHERS).cumulative(1, 1)
    assert abs(np.mean(found[events.sessions, events.symbols])) < 0.01


def test_without_an_effect_the_interval_covers_zero_at_its_rate():
    covered = placebos = 0
    for seed in range(60):
        events = some_events(40, seed=100 + seed)
        returns = AbnormalReturns.of(market(random_returns(SESSIONS, SYMBOLS, seed=seed)), Normal.OTHERS)
        found = judge_car(returns, events, 3, 1, np.random.default_rng(seed), draws=200)
        covered += found.car.low <= 0 <= found.car.high
        placebos += found.placebo_p_value < 0.05
    assert covered >= 52
    assert placebos <= 8


def test_the_market_model_takes_out_a_beta_that_the_mean_of_others_leaves_in():
    rng = np.random.default_rng(2)
    common = 0.01 * rng.normal(size=(SESSIONS, 1))
    returns = common + 0.001 * rng.normal(size=(SESSIONS, SYMBOLS))
    returns[:, 0] += common[:, 0]
    others = np.broadcast_to(common, returns.shape)
    _, beta = rolling_market_model(returns, others)
    assert beta[-1, 0] == pytest.approx(2, abs=0.1)
    events = Events(np.array([300]), np.array([0]))
    bars = market(returns)
    left = [
        np.abs(AbnormalReturns.of(bars, normal).path(events, range(1, 30))).mean()
        for normal in (Normal.OTHERS, Normal.MARKET_MODEL)
    ]
    assert left[1] < left[0] / 2


def test_the_market_model_of_an_event_knows_nothing_of_its_run_up_or_after():
    returns = random_returns(SESSIONS, SYMBOLS)
    changed = returns.copy()
    changed[290:] *= 5
    before, after = (
        rolling_market_model(each, np.broadcast_to(each.mean(axis=1, keepdims=True), each.shape))[1][300]
        for each in (returns, changed)
    )
    assert np.array_equal(before, after)


def test_an_event_too_near_the_end_is_counted_and_not_measured():
    returns = AbnormalReturns.of(market(random_returns(SESSIONS, SYMBOLS)), Normal.OTHERS)
    events = Events(np.array([200, SESSIONS - 2]), np.array([0, 1]))
    found = judge_car(returns, events, 5, 1, np.random.default_rng(0), draws=100)
    assert (found.incomplete, found.car.events) == (1, 1)


def test_placebo_dates_keep_away_from_the_symbols_own_events():
    cumulative = np.zeros((100, 1))
    cumulative[45:56] = 1.0
    events = Events(np.array([50]), np.array([0]))
    means = placebo_means(cumulative, events, 5, np.random.default_rng(0), draws=300)
    assert len(means) == 300
    assert not means.any()


def test_no_event_is_no_result():
    returns = AbnormalReturns.of(market(random_returns(SESSIONS, SYMBOLS)), Normal.OTHERS)
    nothing = Events(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64))
    found = judge_car(returns, nothing, 5, 1, np.random.default_rng(0), draws=100)
    assert np.isnan(found.car.mean)
    assert np.isnan(found.placebo_p_value)
