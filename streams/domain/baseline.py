"""What is normal for one cell over one span: a level shrunk towards the pool, a dispersion shrunk likewise, a share.

Model: negative stories of a cell in a span ~ negative binomial with mean level x mass, where mass is the sum of the pooled
profile over the span's hours. The level is gamma-Poisson (its posterior mean); the size joins the level's uncertainty and
the dispersion: 1/r = 1/shape + phi. Past outbreaks are winsorised, blocks end a guard gap of one span before the tested span
(after Farrington flexible, Noufaily et al. 2013). Everything is as of a coarse grid time, so that it depends on stored rows
alone and not on the pane that asked first.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from streams.domain.detector import Expectation
from streams.domain.pool import HOUR_US, MIN_DAYS, Floats, ObservedHours, Pool, shrunk_dispersion, winsorise
from streams.domain.surge import CellRows, Times, microseconds, sliding_counts
from streams.domain.window import HOUR, floor

GRID = timedelta(hours=6)
"""A cell's baseline is as of the last multiple of this; the pool's as of the last midnight UTC."""
SHAPE_CAP = 50.0
"""The level moves: it is never known better than to 1/sqrt(50) = 14 %."""
POOLED_SHARE_STRENGTH, OWN_SHARE_CAP = 20.0, 200.0


@dataclass(frozen=True, slots=True)
class Baseline:
    """What is normal for one cell over one span."""

    level: float
    shape: float
    dispersion: float
    share_a: float
    share_b: float
    days: float
    blocks: int
    as_of: datetime

    def expectation(self, mass: float) -> Expectation:
        size = 1.0 / (1.0 / self.shape + self.dispersion)
        return Expectation(self.level * mass, size, self.share_a, self.share_b)


def block_starts(as_of: datetime, span: timedelta, history: timedelta, observed: ObservedHours) -> Times:
    """Hourly starts of the blocks of this span that end one span (the guard gap) before the tested span can begin."""
    last = microseconds(floor(as_of, HOUR) - 3 * span) // HOUR_US
    first = last - history // HOUR + 1
    width = span // HOUR
    flags = np.r_[0, np.cumsum(observed.between(first, last + width))]
    watched = flags[width:] - flags[:-width]
    starts = np.arange(first, last + 1, dtype=np.int64)
    return np.asarray(starts[watched >= 0.75 * width] * HOUR_US, dtype=np.int64)


def fit_baseline(
    rows: CellRows, pool: Pool, starts: Times, span: timedelta, as_of: datetime
) -> Baseline | None:
    """The baseline of a cell from blocks of one span each; none where less than a day was watched."""
    overlap = span / HOUR
    days = len(starts) / 24
    if days < MIN_DAYS:
        return None
    past = rows.visible(microseconds(as_of))
    counts = sliding_counts(past.select(past.negative), starts, span)
    stories = sliding_counts(past, starts, span)
    masses = _window_masses(pool, starts, int(overlap))
    if not stories.any():
        prior = POOLED_SHARE_STRENGTH * pool.share, POOLED_SHARE_STRENGTH * (1 - pool.share)
        return Baseline(pool.level, pool.shape, pool.dispersion, *prior, days, len(starts), as_of)
    level, shape, winsorised = _level(counts, masses, pool, overlap)
    expected = level * masses
    squares = float((expected**2).sum()) / overlap
    excess = float(((winsorised - expected) ** 2 - expected).sum()) / overlap
    share_a, share_b = _share(float(winsorised.sum()) / overlap, float(stories.sum()) / overlap, pool.share)
    dispersion = shrunk_dispersion(excess, squares, pool.dispersion)
    return Baseline(level, shape, dispersion, share_a, share_b, days, len(starts), as_of)


def _window_masses(pool: Pool, starts: Times, width: int) -> Floats:
    hours = starts // HOUR_US
    return np.asarray(pool.masses(hours[:, None] + np.arange(width)).sum(axis=1), dtype=np.float64)


def _level(counts: Floats, masses: Floats, pool: Pool, overlap: float) -> tuple[float, float, Floats]:
    """Posterior level, its shape, and the counts after two rounds of winsorising around it."""
    rate = pool.shape / pool.level
    winsorised = counts
    level = (pool.shape + counts.sum() / overlap) / (rate + masses.sum() / overlap)
    for _ in range(2):
        winsorised = winsorise(counts, level * masses, pool.dispersion)
        level = (pool.shape + winsorised.sum() / overlap) / (rate + masses.sum() / overlap)
    shape = min(pool.shape + float(winsorised.sum()) / overlap, SHAPE_CAP)
    return float(level), float(shape), winsorised


def _share(negatives: float, stories: float, pooled: float) -> tuple[float, float]:
    """Beta parameters: the pooled share worth 20 stories, and the cell's own worth at most 200."""
    weight = min(1.0, OWN_SHARE_CAP / stories) if stories else 0.0
    own_negatives = min(negatives, stories) * weight
    a = POOLED_SHARE_STRENGTH * pooled + own_negatives
    b = POOLED_SHARE_STRENGTH * (1 - pooled) + stories * weight - own_negatives
    return a, b
