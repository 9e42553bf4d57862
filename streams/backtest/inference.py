"""Means with honest errors: Newey-West for overlapping series, bootstraps over days for events, corrections for many tests."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from scipy.special import stdtr

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streams.backtest.bars import Floats

Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
NAN = float("nan")
MIN_SESSIONS = 20
"""Fewer values of a series give no t."""
MIN_CLUSTERS = 5
"""Fewer distinct days say nothing about the spread between days: no interval is given."""


@dataclass(frozen=True, slots=True)
class MeanTest:
    """The mean of a series against zero."""

    mean: float
    t: float
    p_value: float
    observations: int
    lags: int


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean over events with a bootstrap interval; bounds are NaN with fewer than `MIN_CLUSTERS` days."""

    mean: float
    low: float
    high: float
    p_value: float
    events: int
    days: int


def newey_west(series: Floats, overlap: int = 0) -> MeanTest:
    """Mean and Newey-West t of a series on a grid of sessions; NaN marks sessions without a value.

    Variance of the mean with Bartlett weights 1 - l/(L+1) (Newey & West 1987). L is the larger of twice the overlap and
    floor(4 (T/100)^(2/9)) (Newey & West 1994); once the overlap is too little, since the weights take half of it away
    (ten-session sums of noise over 500 sessions, normal p: 12.6 % below 0.05, 9.6 % with twice the overlap, 56 % with none).
    The p-value is Student's with 1.5 T/(L+1) degrees of freedom, what Bartlett weights leave (Lazarus et al. 2018), and there
    is none with fewer than `MIN_SESSIONS` values or 3 L of them: such a variance is noise, mostly too small.
    Gaps are filled with zeros after demeaning, which keeps the distances between sessions and the variance non-negative
    (Parzen 1963; Datta & Du 2012).

    Args:
        series: one value a session.
        overlap: by how many sessions neighbouring values share returns (horizon - 1).
    """
    known = np.isfinite(series)
    count = int(known.sum())
    lags = max(2 * overlap, int(4 * (max(count, 1) / 100) ** (2 / 9)))
    if count < 2:
        return MeanTest(NAN, NAN, NAN, count, lags)
    mean = float(series[known].mean())
    residuals = np.where(known, series - mean, 0.0)
    if count < max(MIN_SESSIONS, 3 * lags):
        return MeanTest(mean, NAN, NAN, count, lags)
    variance = float(residuals @ residuals)
    for lag in range(1, min(lags, len(series) - 1) + 1):
        weight = 1 - lag / (lags + 1)
        variance += 2 * weight * float(residuals[lag:] @ residuals[:-lag])
    error = sqrt(max(variance, 0.0)) / count * sqrt(count / (count - 1))
    t = mean / error if error > 0 else NAN
    return MeanTest(mean, t, two_sided(t, 1.5 * count / (lags + 1)), count, lags)


def two_sided(t: float, freedom: float) -> float:
    """Two-sided p-value of Student's t."""
    return float(2 * stdtr(freedom, -abs(t))) if np.isfinite(t) else NAN


def cluster_bootstrap(
    values: Floats, clusters: Integers, rng: np.random.Generator, *, draws: int = 2_000, level: float = 0.95
) -> Interval:
    """Mean over events with a bootstrap-t interval that resamples whole days.

    Events of one day share that day's market, so days are drawn, not events (Cameron, Gelbach & Miller 2008). The
    interval is studentised (Efron & Tibshirani 1993, ch. 12): percentile intervals of few days are too short.

    Args:
        values: one figure an event; NaN where its window is incomplete.
        clusters: the day of each event.
        rng: where the draws come from.
        draws: bootstrap samples.
        level: coverage of the interval.
    """
    known = np.isfinite(values)
    values, clusters = values[known], clusters[known]
    days, codes = np.unique(clusters, return_inverse=True)
    if not len(values):
        return Interval(NAN, NAN, NAN, NAN, 0, 0)
    mean = float(values.mean())
    if len(days) < MIN_CLUSTERS:
        return Interval(mean, NAN, NAN, NAN, len(values), len(days))
    sums = np.bincount(codes, values).astype(np.float64)
    counts = np.bincount(codes).astype(np.float64)
    error = float(_clustered_error(np.ones((1, len(days))), sums, counts)[1][0])
    if error == 0:
        return Interval(mean, mean, mean, 0.0 if mean else 1.0, len(values), len(days))
    weights = rng.multinomial(len(days), np.full(len(days), 1 / len(days)), size=draws).astype(np.float64)
    means, errors = _clustered_error(weights, sums, counts)
    usable = errors > 0
    pivots = (means[usable] - mean) / errors[usable]
    low, high = np.quantile(pivots, [(1 - level) / 2, (1 + level) / 2])
    p_value = float((1 + (np.abs(pivots) >= abs(mean / error)).sum()) / (1 + len(pivots)))
    return Interval(
        mean, float(mean - high * error), float(mean - low * error), p_value, len(values), len(days)
    )


def _clustered_error(weights: Floats, sums: Floats, counts: Floats) -> tuple[Floats, Floats]:
    """Mean and cluster-robust standard error of each weighting (draws × days) of the days."""
    total = weights @ counts
    means = (weights @ sums) / total
    squares = weights @ sums**2 - 2 * means * (weights @ (sums * counts)) + means**2 * (weights @ counts**2)
    drawn = len(sums)
    return means, np.sqrt(np.maximum(squares, 0.0)) / total * np.sqrt(drawn / (drawn - 1))


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted p-values that bound the chance of any false finding (Holm 1979); NaN stays NaN and is not counted."""
    p = np.asarray(p_values, dtype=np.float64)
    adjusted = np.full(len(p), np.nan)
    known = np.flatnonzero(np.isfinite(p))
    order = known[np.argsort(p[known], kind="stable")]
    steps = p[order] * np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0) if len(order) else steps
    return [float(value) for value in adjusted]


def benjamini_hochberg(p_values: Sequence[float]) -> list[float]:
    """Adjusted p-values that bound the expected share of false findings (Benjamini & Hochberg 1995)."""
    p = np.asarray(p_values, dtype=np.float64)
    adjusted = np.full(len(p), np.nan)
    known = np.flatnonzero(np.isfinite(p))
    order = known[np.argsort(p[known], kind="stable")]
    if len(order):
        steps = p[order] * len(order) / np.arange(1, len(order) + 1)
        adjusted[order] = np.minimum(np.minimum.accumulate(steps[::-1])[::-1], 1.0)
    return [float(value) for value in adjusted]
