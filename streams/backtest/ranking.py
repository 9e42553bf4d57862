"""Whether a daily signal orders tomorrow's returns: rank information coefficient, quantile spread, turnover.

Row s of a signal is what was known by the close of session s; it is paired with returns entered at the open of s + lag.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import rankdata

from streams.backtest.bars import forward_returns
from streams.backtest.inference import newey_west

if TYPE_CHECKING:
    from streams.backtest.bars import Bars, Floats
    from streams.backtest.inference import Integers, MeanTest

MIN_NAMES = 5
"""Fewer names a session give no rank correlation worth the name."""


@dataclass(frozen=True, slots=True)
class RankTest:
    """One horizon: rank IC, top-minus-bottom spread, and what the spread costs in trading."""

    horizon: int
    ic: MeanTest
    ic_spread: float
    """Standard deviation of the daily ICs."""
    spread: MeanTest
    """Mean return of the top quantile minus the bottom one, over the whole horizon."""
    quantile_means: tuple[float, ...]


def aligned_returns(bars: Bars, horizon: int, lag: int) -> Floats:
    """Row s: the forward return of an entry at the open of session s + lag.

    Raises:
        ValueError: the lag would enter before the session is over.
    """
    if lag < 1:
        raise ValueError("entry must come at least one bar after the signal is known")
    forward = forward_returns(bars, horizon)
    aligned = np.full(forward.shape, np.nan)
    aligned[:-lag] = forward[lag:]
    return aligned


def information_coefficients(signal: Floats, returns: Floats, minimum: int = MIN_NAMES) -> Floats:
    """Spearman's rank correlation of signal and return across names, session by session; ties share their mean rank.

    NaN where fewer than ``minimum`` names have both, or where either does not vary (Grinold & Kahn 1999, ch. 6).
    """
    out = np.full(len(signal), np.nan)
    for row, known in enumerate(np.isfinite(signal) & np.isfinite(returns)):
        if known.sum() < minimum:
            continue
        a, b = rankdata(signal[row, known]), rankdata(returns[row, known])
        a, b = a - a.mean(), b - b.mean()
        scale = float(np.sqrt((a @ a) * (b @ b)))
        if scale > 0:
            out[row] = float(a @ b) / scale
    return out


def quantile_returns(signal: Floats, returns: Floats, quantiles: int) -> Floats:
    """Mean return of each quantile of the signal, session by session (sessions × quantiles).

    Names are cut by rank into groups of (nearly) equal size; a session with fewer than two names a quantile has none.
    """
    out = np.full((len(signal), quantiles), np.nan)
    for row, known in enumerate(np.isfinite(signal) & np.isfinite(returns)):
        values = signal[row, known]
        if len(values) < 2 * quantiles or values.min() == values.max():
            continue
        groups = _groups(values, quantiles)
        earned = returns[row, known]
        for group in range(quantiles):
            inside = groups == group
            out[row, group] = earned[inside].mean() if inside.any() else np.nan
    return out


def _groups(values: Floats, quantiles: int) -> Integers:
    """Quantile of each value, 0 the lowest; ties stay together."""
    ranks = rankdata(values)
    groups = np.floor((ranks - 0.5) / len(values) * quantiles)
    return np.asarray(groups, dtype=np.int64)


def turnover(signal: Floats, quantiles: int) -> float:
    """Mean share of the top and bottom quantile that was not in it at the signal's previous session."""
    shares: list[float] = []
    before: tuple[set[int], set[int]] | None = None
    for row, known in enumerate(np.isfinite(signal)):
        names = np.flatnonzero(known)
        if len(names) < 2 * quantiles or signal[row, names].min() == signal[row, names].max():
            continue
        groups = _groups(signal[row, names], quantiles)
        ends = set(names[groups == 0].tolist()), set(names[groups == quantiles - 1].tolist())
        if before is not None:
            shares += [1 - len(now & then) / len(now) for now, then in zip(ends, before, strict=True) if now]
        before = ends
    return float(np.mean(shares)) if shares else float("nan")


def judge_ranks(bars: Bars, signal: Floats, horizon: int, lag: int, quantiles: int) -> RankTest:
    """Rank IC and spread of one horizon; overlapping horizons are paid for in the Newey-West lags."""
    returns = aligned_returns(bars, horizon, lag)
    ics = information_coefficients(signal, returns)
    groups = quantile_returns(signal, returns, quantiles)
    known = np.isfinite(groups).all(axis=1)
    means = groups[known].mean(axis=0) if known.any() else np.full(quantiles, np.nan)
    spread = np.where(known, groups[:, -1] - groups[:, 0], np.nan)
    return RankTest(
        horizon=horizon,
        ic=newey_west(ics, horizon - 1),
        ic_spread=float(np.nanstd(ics, ddof=1)) if np.isfinite(ics).sum() > 1 else float("nan"),
        spread=newey_west(spread, horizon - 1),
        quantile_means=tuple(float(value) for value in means),
    )
