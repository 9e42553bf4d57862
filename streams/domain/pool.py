"""What cells of one kind have in common: a day profile, the spread of their levels, a dispersion, a share.

Fitted as of a midnight UTC from hours that the run was watching. The profile has 2 x 24 values: weekday and weekend hours in
UTC, mean 1 over the watched hours. Past outbreaks are winsorised first, so that they do not become normal.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from streams.domain.surge import MICROSECOND
from streams.domain.window import DAY, HOUR, floor

if TYPE_CHECKING:
    from datetime import datetime

Floats = npt.NDArray[np.float64]
HOUR_US = HOUR // MICROSECOND
SMOOTHING_STORIES = 8.0
"""Stories worth of flat profile mixed into each hour."""
WEEKDAY_FACTOR = 3.0
"""Weekday over weekend traffic, until both have been seen: a run that starts on a Saturday must survive its Monday."""
WINSOR_SD = 3.0
DISPERSION_PRIOR, DISPERSION_PRECISION = 0.2, 10.0
DISPERSION_FLOOR, DISPERSION_CEILING = 0.05, 1.5
MIN_DAYS = 1.0
SILENT_HOURS, FAR = 24, 10**9


@dataclass(frozen=True, slots=True)
class HourlyCounts:
    """Distinct stories by cell and hour, sparse; hours are whole hours since the epoch."""

    cells: npt.NDArray[np.int64]
    hours: npt.NDArray[np.int64]
    negatives: Floats
    stories: Floats


@dataclass(frozen=True, slots=True)
class ObservedHours:
    """Which hours the run was watching: those with a document within the day before and the day after."""

    first: int
    flags: npt.NDArray[np.bool_]

    def between(self, start: int, end: int) -> npt.NDArray[np.bool_]:
        """One flag for each hour in [start, end); outside what was loaded nothing is observed."""
        found = np.zeros(max(end - start, 0), dtype=np.bool_)
        low, high = max(start, self.first), min(end, self.first + len(self.flags))
        if low < high:
            found[low - start : high - start] = self.flags[low - self.first : high - self.first]
        return found


@dataclass(frozen=True, slots=True)
class Pool:
    """What cells of one kind have in common, as of a midnight."""

    profile: Floats
    level: float
    shape: float
    dispersion: float
    share: float
    cells: int
    days: float

    def masses(self, hours: npt.NDArray[np.int64]) -> Floats:
        return np.asarray(self.profile[slot(hours)], dtype=np.float64)

    def mass(self, start: int, end: int) -> float:
        """Mass of [start, end) in microseconds; hours cut by an edge count in part."""
        hours = np.arange(start // HOUR_US, -(-end // HOUR_US), dtype=np.int64)
        covered = np.minimum((hours + 1) * HOUR_US, end) - np.maximum(hours * HOUR_US, start)
        return float(self.masses(hours) @ (covered / HOUR_US))


def slot(hours: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Index into the profile: 0-23 weekday hours, 24-47 weekend hours (1970-01-01 was a Thursday)."""
    weekend = (hours // 24 + 3) % 7 >= 5
    return hours % 24 + 24 * weekend


@dataclass(frozen=True, slots=True)
class Presence:
    """Hours with a document that came on time, one flag an hour from ``first`` on."""

    first: int
    flags: npt.NDArray[np.bool_]

    def observed(self, as_of: int, start: int) -> ObservedHours:
        """Hours of [start, as_of) with a document at most a day before and at most a day after.

        ``as_of`` itself counts as a document, so that nothing later than it is asked.
        """
        present = np.r_[ObservedHours(self.first, self.flags).between(start, as_of), True]
        position = np.arange(len(present))
        last = np.maximum.accumulate(np.where(present, position, -FAR))
        following = np.minimum.accumulate(np.where(present, position, FAR)[::-1])[::-1]
        near = (position - last <= SILENT_HOURS) & (following - position <= SILENT_HOURS)
        return ObservedHours(start, near[:-1])


def winsorise(counts: Floats, expected: Floats, dispersion: float) -> Floats:
    """Counts cut at three standard deviations above what was expected: a past outbreak must not become normal."""
    limit = expected + WINSOR_SD * np.sqrt(expected + dispersion * expected**2) + 1
    return np.asarray(np.minimum(counts, limit), dtype=np.float64)


def _silent_pool(watched: int) -> Pool:
    """The pool of a kind that was watched and never spoke: a flat profile and half a story in all that time."""
    return Pool(
        profile=np.ones(48),
        level=0.5 / watched,
        shape=0.5,
        dispersion=DISPERSION_PRIOR,
        share=0.2,
        cells=0,
        days=watched / 24,
    )


def fit_pool(counts: HourlyCounts, observed: ObservedHours, start: int, end: int) -> Pool | None:
    """The pool of hours [start, end) (hours since the epoch); none without a full day of history."""
    flags = observed.between(start, end)
    if flags.sum() < MIN_DAYS * 24:
        return None
    inside = (counts.hours >= start) & (counts.hours < end)
    inside[inside] = flags[counts.hours[inside] - start]
    cells, hours = counts.cells[inside], counts.hours[inside]
    known, codes = np.unique(cells, return_inverse=True)
    if not len(known):
        return _silent_pool(int(flags.sum()))
    watched = np.arange(start, end, dtype=np.int64)[flags]
    raw = _total(codes, counts.negatives[inside], len(known)) / len(watched)
    negatives = winsorise(counts.negatives[inside], raw[codes], DISPERSION_PRIOR)
    profile = _profile(
        _total(slot(hours), negatives, 48),
        _total(slot(watched), np.ones(len(watched)), 48),
    )
    masses = np.asarray(profile[slot(watched)], dtype=np.float64)
    totals = _total(codes, negatives, len(known))
    level, shape = _levels(totals, float(masses.sum()))
    expected = totals[codes] / masses.sum() * profile[slot(hours)]
    squares = float((totals**2).sum() / masses.sum() ** 2 * (masses**2).sum())
    excess = float((negatives**2 - 2 * negatives * expected).sum() + squares - totals.sum())
    return Pool(
        profile=profile,
        level=level,
        shape=shape,
        dispersion=shrunk_dispersion(excess, squares, DISPERSION_PRIOR),
        share=float((totals.sum() + 1) / (counts.stories[inside].sum() + 5)),
        cells=len(known),
        days=len(watched) / 24,
    )


def _total(codes: npt.NDArray[np.int64], values: Floats, size: int) -> Floats:
    """Sum of the values by code."""
    return np.asarray(np.bincount(codes, values, minlength=size), dtype=np.float64)


def _profile(counts: Floats, exposure: Floats) -> Floats:
    """Smoothed, shrunk to flat, mean 1 over the exposure."""
    counted, exposed = counts.reshape(2, 24), exposure.reshape(2, 24)
    smooth = [(np.roll(a, 1, 1) + 2 * a + np.roll(a, -1, 1)) / 4 for a in (counted, exposed)]
    rates = np.array([_rate(counted[day], exposed[day]) for day in (0, 1)])
    if exposed[0].sum() < 24:
        rates[0] = rates[1] * WEEKDAY_FACTOR
    if exposed[1].sum() < 24:
        rates[1] = rates[0]
    shape = (smooth[0] + SMOOTHING_STORIES) / (rates[:, None] * smooth[1] + SMOOTHING_STORIES)
    profile = rates[:, None] * shape
    mean = float((profile * exposed).sum() / exposed.sum())
    return np.asarray(profile.reshape(48) / mean, dtype=np.float64) if mean > 0 else np.ones(48)


def _rate(counts: Floats, exposure: Floats) -> float:
    return float((counts.sum() + 0.5) / max(exposure.sum(), 1.0))


def _levels(totals: Floats, mass: float) -> tuple[float, float]:
    """Mean level of the cells and the gamma shape of its spread among them (moments)."""
    mean = float(totals.mean() + 0.5 / len(totals)) / mass
    if len(totals) < 3:
        return mean, 0.5
    spread = float(totals.var(ddof=1)) / mass**2 - mean / mass
    return mean, float(np.clip(mean**2 / spread, 0.2, 10.0)) if spread > 0 else 10.0


def shrunk_dispersion(excess: float, squares: float, prior: float) -> float:
    """Moments estimate excess/squares (variance 2/squares under Poisson), shrunk to the prior, floored above Poisson."""
    precision = squares / 2
    estimate = max(excess / squares, 0.0) if squares > 0 else 0.0
    joined = (DISPERSION_PRECISION * prior + precision * estimate) / (DISPERSION_PRECISION + precision)
    return float(np.clip(joined, DISPERSION_FLOOR, DISPERSION_CEILING))


def pool_time(at: datetime) -> datetime:
    """The midnight as of which the pool is fitted for this pane end."""
    return floor(at, DAY)
