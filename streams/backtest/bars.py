"""Daily bars of a universe, and the returns that a backtest is made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from datetime import date

Floats = npt.NDArray[np.float64]
Days = npt.NDArray[np.datetime64]


@dataclass(frozen=True, slots=True)
class Bars:
    """Opens and closes, adjusted for splits and dividends where the files say how; NaN where a symbol has no bar."""

    days: Days
    """Sessions, ascending, one a day."""
    symbols: tuple[str, ...]
    opens: Floats
    closes: Floats

    def __post_init__(self) -> None:
        shape = (len(self.days), len(self.symbols))
        if self.opens.shape != shape or self.closes.shape != shape:
            raise ValueError(f"opens and closes must be {shape[0]} sessions x {shape[1]} symbols")
        if len(self.days) > 1 and not (np.diff(self.days).astype(np.int64) > 0).all():
            raise ValueError("sessions must be ascending and distinct")

    def until(self, day: date) -> Bars:
        """The bars up to and including a day."""
        kept = self.days <= np.datetime64(day)
        return Bars(self.days[kept], self.symbols, self.opens[kept], self.closes[kept])

    def of(self, symbols: tuple[str, ...]) -> Bars:
        """The bars of some symbols, in that order."""
        columns = [self.symbols.index(symbol) for symbol in symbols]
        return Bars(self.days, symbols, self.opens[:, columns], self.closes[:, columns])


def daily_returns(bars: Bars) -> Floats:
    """Close over the close of the session before, minus one; the first session has none."""
    returns = np.full(bars.closes.shape, np.nan)
    returns[1:] = bars.closes[1:] / bars.closes[:-1] - 1
    return returns


def intraday_returns(bars: Bars) -> Floats:
    """Close over open of the same session, minus one: what an entry at the open earns on its first day."""
    return np.asarray(bars.closes / bars.opens - 1, dtype=np.float64)


def forward_returns(bars: Bars, horizon: int) -> Floats:
    """Row t: bought at the open of session t, sold at the close of session t + horizon - 1; NaN where either is missing."""
    if horizon < 1:
        raise ValueError("a horizon is at least one session")
    forward = np.full(bars.opens.shape, np.nan)
    if horizon <= len(bars.days):
        last = len(bars.days) - horizon + 1
        forward[:last] = bars.closes[horizon - 1 :] / bars.opens[:last] - 1
    return forward


def mean_of_others(returns: Floats) -> Floats:
    """For each symbol the mean return of all others in that session; NaN where there is no other."""
    known = np.isfinite(returns)
    filled = np.where(known, returns, 0.0)
    others = known.sum(axis=1, keepdims=True) - known
    total = filled.sum(axis=1, keepdims=True) - filled
    out = np.full(returns.shape, np.nan)
    np.divide(total, others, out=out, where=others > 0)
    return out
