"""Which windows a step of the closer folds, which it calls closed, and when that was known.

Pure: sets of panes and times in, windows out. A window is folded again whenever a row of it is new or has just got its
story; it is closed once the frontier passes its end.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from streams.domain.window import DAY, EPOCH, PANE, WINDOW_SIZES, closes_until, floor

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

SILENCE = DAY
"""A pane end with no record of any partition within this before it is unknown, not calm."""


@dataclass(frozen=True, slots=True)
class Partition:
    """One input partition and the largest event time seen in it."""

    topic: str
    number: int
    source_class: str
    watermark: datetime | None


@dataclass(frozen=True, slots=True)
class Range:
    """Pane ends in (after, until]."""

    after: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class FoldPlan:
    """Window starts to fold, by size, and the panes that stay dirty because one of their windows was left out."""

    windows: Mapping[str, list[datetime]]
    carried: list[datetime]


def watermark_frontier(partitions: Iterable[Partition], lateness: Mapping[str, timedelta]) -> datetime | None:
    """The largest pane end that every partition lets close; none while a partition has seen nothing."""
    reached: list[datetime] = []
    for partition in partitions:
        if partition.watermark is None:
            return None
        reached.append(closes_until(partition.watermark, lateness[partition.source_class]))
    return min(reached, default=None)


def offset_of(size: str, day_cut: timedelta) -> timedelta:
    """Only day windows have a cut of their own."""
    return day_cut if size == "1d" else timedelta(0)


def plan_fold(
    panes: Iterable[datetime], frontier: datetime | None, day_cut: timedelta, *, provisional: bool
) -> FoldPlan:
    """Windows of these panes (starts): the closed ones, and with ``provisional`` the open ones too."""
    windows: dict[str, set[datetime]] = {size: set() for size in WINDOW_SIZES}
    carried: set[datetime] = set()
    for pane in panes:
        for size, width in WINDOW_SIZES.items():
            start = floor(pane, width, offset_of(size, day_cut))
            if provisional or (frontier is not None and start + width <= frontier):
                windows[size].add(start)
            else:
                carried.add(pane)
    return FoldPlan({size: sorted(starts) for size, starts in windows.items()}, sorted(carried))


def contiguous(starts: Sequence[datetime], width: timedelta, gap: timedelta = DAY) -> list[list[datetime]]:
    """Ascending window starts cut where more than ``gap`` lies between them, so that a straggler costs no long scan."""
    groups: list[list[datetime]] = []
    for start in starts:
        if groups and start - groups[-1][-1] - width <= gap:
            groups[-1].append(start)
        else:
            groups.append([start])
    return groups


def covered(presence: Iterable[datetime], after: datetime, until: datetime) -> list[Range]:
    """Pane ends of (after, until] that follow a presence within `SILENCE`; presences are pane ends."""
    ranges: list[Range] = []
    for moment in sorted(presence):
        start, end = max(moment - PANE, after), min(moment + SILENCE, until)
        if start >= end:
            continue
        if ranges and start <= ranges[-1].until:
            ranges[-1] = Range(ranges[-1].after, max(end, ranges[-1].until))
        else:
            ranges.append(Range(start, end))
    return ranges


def windows_ending(ranges: Iterable[Range], size: str, day_cut: timedelta) -> list[datetime]:
    """Starts of the windows of this size whose end lies in one of the ranges."""
    width, offset = WINDOW_SIZES[size], offset_of(size, day_cut)
    starts: list[datetime] = []
    for part in ranges:
        end = floor(part.after, width, offset) + width
        while end <= part.until:
            starts.append(end - width)
            end += width
    return starts


@dataclass(frozen=True, slots=True)
class Knowledge:
    """When each partition first let a pane close, and when its input ended, in Kafka time."""

    steps: Mapping[tuple[str, int], Sequence[tuple[datetime, datetime]]] = field(default_factory=dict)
    """By partition: (closes_until, known_at), ascending."""
    ends: Mapping[tuple[str, int], datetime] = field(default_factory=dict)

    def known_at(self, pane: datetime) -> datetime:
        """The latest partition decides; one that never let the pane close counts with the end of its input."""
        latest = EPOCH
        for partition in self.steps.keys() | self.ends.keys():
            steps = self.steps.get(partition, ())
            position = bisect_left(steps, (pane,))
            known = steps[position][1] if position < len(steps) else self.ends.get(partition)
            latest = max(latest, known) if known is not None else latest
        return latest if latest > EPOCH else pane
