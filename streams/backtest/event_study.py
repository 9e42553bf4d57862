"""Returns around alerts: abnormal returns by session, cumulative ones from a tradeable entry, and placebo dates.

Event session s is the first whose close comes after the alert was known; entry is at the open of session s + lag, lag >= 1.
Design as in MacKinlay (1997), "Event Studies in Economics and Finance".
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np

from streams.backtest.bars import daily_returns, intraday_returns, mean_of_others
from streams.backtest.inference import cluster_bootstrap

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streams.backtest.bars import Bars, Floats
    from streams.backtest.inference import Flags, Integers, Interval

ESTIMATION = 120
"""Sessions of the market model's regression."""
ESTIMATION_GAP = 10
"""Sessions between its end and the event, so that a run-up does not become normal."""
ESTIMATION_MINIMUM = 60


class Normal(StrEnum):
    """What a return is compared with."""

    OTHERS = "mean_of_others"
    """The mean return of all other symbols in the session."""
    MARKET_MODEL = "market_model"
    """alpha + beta x that mean, regressed over 120 sessions that end 11 sessions before the event."""


@dataclass(frozen=True, slots=True)
class Events:
    """Events as positions in the bars."""

    sessions: Integers
    symbols: Integers

    def select(self, chosen: Flags) -> Events:
        """Some of the events."""
        return Events(self.sessions[chosen], self.symbols[chosen])

    def __len__(self) -> int:
        return len(self.sessions)


@dataclass(frozen=True, slots=True)
class AbnormalReturns:
    """Abnormal returns of every session and symbol under one model."""

    normal: Normal
    daily: Floats
    intraday: Floats
    others_daily: Floats
    others_intraday: Floats
    alpha: Floats
    """As of each session: what an event in it may know. Zero under `Normal.OTHERS`."""
    beta: Floats
    """One under `Normal.OTHERS`."""

    @classmethod
    def of(cls, bars: Bars, normal: Normal) -> AbnormalReturns:
        """Fit the model for every session."""
        daily, intraday = daily_returns(bars), intraday_returns(bars)
        others = mean_of_others(daily)
        if normal is Normal.OTHERS:
            alpha, beta = np.zeros(daily.shape), np.ones(daily.shape)
        else:
            alpha, beta = rolling_market_model(daily, others)
        return cls(normal, daily, intraday, others, mean_of_others(intraday), alpha, beta)

    def path(self, events: Events, offsets: Sequence[int]) -> Floats:
        """Abnormal daily return of each event at each offset from its session; NaN beyond the bars."""
        out = np.full((len(events), len(offsets)), np.nan)
        for column, offset in enumerate(offsets):
            at = events.sessions + offset
            inside = (at >= 0) & (at < len(self.daily))
            rows, symbols = at[inside], events.symbols[inside]
            event = events.sessions[inside]
            out[inside, column] = (
                self.daily[rows, symbols]
                - self.alpha[event, symbols]
                - self.beta[event, symbols] * self.others_daily[rows, symbols]
            )
        return out

    def cumulative(self, horizon: int, lag: int) -> Floats:
        """Row s: what an event in session s earns abnormally from the open of s + lag to the close `horizon` sessions on.

        The first session counts from its open (alpha, the drift of a whole day, is left out of it), so what happened
        between the event and the entry is not earned.
        """
        sessions = len(self.daily)
        total = np.full(self.daily.shape, np.nan)
        last = sessions - lag - horizon + 1
        if last <= 0:
            return total
        alpha, beta = self.alpha[:last], self.beta[:last]
        entry = slice(lag, lag + last)
        gathered = self.intraday[entry] - beta * self.others_intraday[entry]
        for day in range(1, horizon):
            at = slice(lag + day, lag + day + last)
            gathered = gathered + self.daily[at] - alpha - beta * self.others_daily[at]
        total[:last] = gathered
        return total


def rolling_market_model(daily: Floats, others: Floats) -> tuple[Floats, Floats]:
    """Alpha and beta of each symbol as of each session, by least squares over the sessions before it."""
    known = np.isfinite(daily) & np.isfinite(others)
    x, y = np.where(known, others, 0.0), np.where(known, daily, 0.0)
    n, sx, sy, sxx, sxy = (_trailing(part) for part in (known.astype(np.float64), x, y, x * x, x * y))
    enough = n >= ESTIMATION_MINIMUM
    spread = np.where(enough, n * sxx - sx**2, 1.0)
    usable = enough & (spread > 0)
    beta = np.where(usable, (n * sxy - sx * sy) / np.where(usable, spread, 1.0), np.nan)
    alpha = np.where(usable, (sy - beta * sx) / np.where(usable, n, 1.0), np.nan)
    return alpha, beta


def _trailing(values: Floats) -> Floats:
    """Sums over sessions [s - gap - estimation, s - gap) for each session s."""
    cumulated = np.vstack([np.zeros((1, values.shape[1])), np.cumsum(values, axis=0)])
    end = np.clip(np.arange(len(values)) - ESTIMATION_GAP, 0, None)
    start = np.clip(end - ESTIMATION, 0, None)
    return np.asarray(cumulated[end] - cumulated[start], dtype=np.float64)


@dataclass(frozen=True, slots=True)
class CarTest:
    """Mean cumulative abnormal return over one horizon, with its interval and its placebo."""

    normal: Normal
    horizon: int
    car: Interval
    placebo_mean: float
    placebo_p_value: float
    """Share of placebo means at least as far from the placebo mean as the one observed."""
    incomplete: int
    """Events whose window lies partly outside the bars."""


def judge_car(
    returns: AbnormalReturns, events: Events, horizon: int, lag: int, rng: np.random.Generator, *, draws: int
) -> CarTest:
    """The mean tradeable CAR of the events, against zero and against placebo dates."""
    cumulative = returns.cumulative(horizon, lag)
    values = cumulative[events.sessions, events.symbols] if len(events) else np.empty(0)
    car = cluster_bootstrap(values, events.sessions, rng, draws=draws)
    placebo = placebo_means(cumulative, events, horizon + lag, rng, draws=draws)
    center = float(placebo.mean()) if len(placebo) else float("nan")
    p_value = float("nan")
    if len(placebo) and np.isfinite(car.mean):
        beyond = np.abs(placebo - center) >= abs(car.mean - center)
        p_value = float((1 + beyond.sum()) / (1 + len(placebo)))
    return CarTest(returns.normal, horizon, car, center, p_value, int(np.isnan(values).sum()))


def placebo_means(
    cumulative: Floats, events: Events, gap: int, rng: np.random.Generator, *, draws: int
) -> Floats:
    """Means over the same symbols on random sessions: all events of one session move to one other session.

    Moving whole sessions keeps what events of a day have in common (Brown & Warner 1985 draw dates the same way). A
    symbol's draw within ``gap`` sessions of one of its own events is left out, and a draw without values is not counted.
    """
    if not len(events):
        return np.empty(0)
    allowed = np.isfinite(cumulative)
    for session, symbol in zip(events.sessions.tolist(), events.symbols.tolist(), strict=True):
        allowed[max(0, session - gap) : session + gap + 1, symbol] = False
    usable = np.flatnonzero(allowed.any(axis=1))
    if not len(usable):
        return np.empty(0)
    _, codes = np.unique(events.sessions, return_inverse=True)
    values = np.where(allowed, cumulative, np.nan)
    means = np.full(draws, np.nan)
    for draw in range(draws):
        moved = rng.choice(usable, size=codes.max() + 1)[codes]
        found = values[moved, events.symbols]
        known = np.isfinite(found)
        if known.any():
            means[draw] = found[known].mean()
    return np.asarray(means[np.isfinite(means)], dtype=np.float64)
