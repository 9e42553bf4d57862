"""What detection asks of its store, answered from a list of rows in memory."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np

from streams.domain.closing import AlertFacts
from streams.domain.detector import Thresholds
from streams.domain.entity import MARKET
from streams.domain.knowledge import Knowledge
from streams.domain.pool import HOUR_US, HourlyCounts
from streams.domain.summary import Range
from streams.domain.surge import NEVER, PANE_US, Row, microseconds
from streams.stages.detect import Detector
from streams.stages.detector_memory import DetectorMemory, Stretch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streams.domain.closing import AlertChange
    from streams.domain.episode import Episode

START = datetime(2026, 3, 2, tzinfo=UTC)
"""A Monday."""


class RememberedRows:
    """The reading half of the closer's transaction, and a list of what was saved."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self._rows = sorted(rows, key=lambda row: row.event_time)
        self.episodes: dict[str, Episode] = {}
        self.opened: list[Episode] = []

    def _between(self, start: datetime, until: datetime) -> list[Row]:
        low, high = microseconds(start), microseconds(until)
        return [row for row in self._rows if low <= row.event_time < high and row.known_pane <= high]

    async def latest_episodes(self, since: datetime) -> list[Episode]:
        latest = {
            episode.cell: episode for episode in sorted(self.episodes.values(), key=lambda e: e.opened_at)
        }
        return [
            episode for episode in latest.values() if episode.resolved_at is None or episode.last_at > since
        ]

    async def negative_rows(self, after: datetime, until: datetime, reach: timedelta) -> list[Row]:
        return [row for row in self._between(after - reach, until) if row.negative]

    async def rows(
        self, entities: Sequence[str], topics: Sequence[str], start: datetime, until: datetime
    ) -> list[Row]:
        return [
            row
            for row in self._between(start, until)
            if row.entity_id in set(entities) and (row.entity_id != MARKET or row.topic in set(topics))
        ]

    async def hourly_counts(self, kind: str, start: datetime, until: datetime) -> HourlyCounts:
        stories: dict[tuple[str, int], set[object]] = defaultdict(set)
        negatives: dict[tuple[str, int], set[object]] = defaultdict(set)
        for row in self._between(start, until):
            if (row.entity_id == MARKET) == (kind == "market"):
                key = (row.topic if kind == "market" else row.entity_id, row.event_time // HOUR_US)
                stories[key].add(row.story)
                if row.negative:
                    negatives[key].add(row.story)
        codes = {name: number for number, name in enumerate(sorted({name for name, _ in stories}))}
        keys = sorted(stories)
        return HourlyCounts(
            np.array([codes[name] for name, _ in keys], dtype=np.int64),
            np.array([hour for _, hour in keys], dtype=np.int64),
            np.array([len(negatives[key]) for key in keys], dtype=np.float64),
            np.array([len(stories[key]) for key in keys], dtype=np.float64),
        )

    async def present_hours(self, start: datetime, until: datetime) -> list[int]:
        return sorted({row.event_time // HOUR_US for row in self._between(start, until)})

    async def facts(self, episode: Episode) -> AlertFacts:
        return AlertFacts({}, {}, (), "")

    async def save_alert(self, change: AlertChange, known_at: object, *, notify: bool) -> None:
        self.episodes[change.episode.alert_id] = change.episode
        if change.opened:
            self.opened.append(change.episode)


async def detect(rows: Sequence[Row], days: float, limits: Thresholds | None = None) -> RememberedRows:
    """Detection over the whole time from `START`, in one stretch."""
    store = RememberedRows(rows)
    until = START + timedelta(days=days)
    stretch = Stretch(START, until, [Range(START, until)], Knowledge())
    await Detector(store, limits or Thresholds(), DetectorMemory(), stretch).run(notify=False)  # type: ignore[arg-type]
    return store


PROFILE = np.array([1, 1, 1, 1, 1, 2, 3, 5, 6, 6, 6, 6, 6, 7, 8, 8, 7, 6, 5, 4, 3, 2, 2, 1], dtype=float)
PROFILE *= 24 / PROFILE.sum()


def story_row(
    entity: str, at: int, story: object, source: object, *, negative: bool, topic: str = "macro"
) -> Row:
    """One mention that came on time."""
    return Row(entity, topic, at, at // PANE_US * PANE_US + PANE_US, NEVER, story, str(source), negative)


def quiet_cells(
    days: int, rates: Sequence[float], dispersion: float, *, seed: int, share: float = 0.18
) -> list[Row]:
    """Hourly counts around a day profile: Poisson, or negative binomial with this dispersion; constant negative share.

    Args:
        rates: stories an hour of each cell.
    """
    rng = np.random.default_rng(seed)
    rows = []
    for number, rate in enumerate(rates):
        for hour in range(days * 24):
            mean = rate * PROFILE[hour % 24]
            level = rng.gamma(1 / dispersion, dispersion) if dispersion else 1.0
            for _ in range(rng.poisson(mean * level)):
                at = microseconds(START) + hour * HOUR_US + int(rng.integers(HOUR_US))
                negative = bool(rng.random() < share)
                rows.append(story_row(f"us.c{number}", at, len(rows), rng.integers(30), negative=negative))
    return rows


def burst(
    entity: str,
    at: datetime,
    stories: int,
    hours: float,
    *,
    negative: float = 0.95,
    copies: bool = False,
    seed: int = 1,
) -> list[Row]:
    """Many rows in a short time; with ``copies`` they all tell one story."""
    rng = np.random.default_rng(seed)
    times = microseconds(at) + np.sort(rng.integers(0, int(hours * HOUR_US), stories))
    return [
        story_row(
            entity,
            int(time),
            "echo" if copies else f"{entity}-{seed}-{n}",
            f"s{n % 25}",
            negative=bool(rng.random() < negative),
        )
        for n, time in enumerate(times)
    ]
