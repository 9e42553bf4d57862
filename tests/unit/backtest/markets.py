"""Invented markets."""

from __future__ import annotations

import numpy as np

from streams.backtest.bars import Bars


def weekdays(count: int, start: str = "2014-01-06") -> np.ndarray:
    days = np.arange(np.datetime64(start), np.datetime64(start) + 2 * count)
    return days[np.is_busday(days)][:count]


def market(returns: np.ndarray, gaps: np.ndarray | None = None) -> Bars:
    """Bars with these close-to-close returns; ``gaps`` is the part of each that happens before the open."""
    closes = 100 * np.cumprod(1 + returns, axis=0)
    before = np.vstack([np.full((1, returns.shape[1]), 100.0), closes[:-1]])
    opens = before * (1 + (gaps if gaps is not None else np.zeros(returns.shape)))
    symbols = tuple(f"S{number:02d}" for number in range(returns.shape[1]))
    return Bars(weekdays(len(returns)), symbols, opens, closes)


def random_returns(sessions: int, symbols: int, *, seed: int = 1, common: float = 0.01) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return common * rng.normal(size=(sessions, 1)) + 0.01 * rng.normal(size=(sessions, symbols))
