"""Which windows a step of the closer folds, and which it calls closed.

Pure: sets of panes and times in, windows out. An open window is folded whenever a row of it is new or has just got its story.
At its close it is folded as of its end, and after that once for each pane end that first reads something else of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from streams.domain.document import SourcePartition
from streams.domain.window import DAY, EPOCH, PANE, WINDOW_SIZES, closes_until, floor

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

SILENCE = DAY
"""A pane end with no record of any partition within this before it is unknown, not calm."""


@dataclass(frozen=True, slots=True)
class Partition:
    """One input partition and the largest event time seen in it."""

    topic: str
    number: int
    source_class: str
    watermark: datetime | None
    next_offset: int = 0
    known_at: datetime | None = None
    """The largest Kafka timestamp seen in it."""

    def idle(self, ends: Mapping[SourcePartition, int]) -> bool:
        """Whether all that the broker holds of it is stored."""
        end = ends.get(SourcePartition(self.topic, self.number))
        return end is not None and self.next_offset >= end


@dataclass(frozen=True, slots=True)
class Range:
    """Pane ends in (after, until]."""

    after: datetime
    until: datetime


FROM_THE_START = EPOCH
"""`Dirty.due` where something was erased: closed windows are made anew, with all their revisions."""


@dataclass(frozen=True, slots=True)
class Dirty:
    """A pane (start) with other rows than before, and the pane end that first reads them.

    None: the closed windows show them, the open ones do not yet. `FROM_THE_START`: rows are gone as if they had never been.
    """

    pane: datetime
    due: datetime | None


@dataclass(frozen=True, slots=True, order=True)
class Refold:
    """A revision of a closed window, as of a pane end, because of the rows of a pane that are read from ``due`` on."""

    start: datetime
    as_of: datetime
    pane: datetime
    due: datetime


@dataclass(frozen=True, slots=True)
class FoldPlan:
    """By size: open windows (starts) to fold, closed ones to make anew, revisions to make; and what stays dirty."""

    windows: Mapping[str, list[datetime]]
    renewed: Mapping[str, list[datetime]]
    revisions: Mapping[str, list[Refold]]
    carried: list[Dirty]


def watermark_frontier(partitions: Iterable[Partition], lateness: Mapping[str, timedelta]) -> datetime | None:
    """The largest pane end that every partition lets close; none while a partition has seen nothing."""
    reached: list[datetime] = []
    for partition in partitions:
        if partition.watermark is None:
            return None
        reached.append(closes_until(partition.watermark, lateness[partition.source_class]))
    return min(reached, default=None)


def forced_frontier(
    partitions: Iterable[Partition], lateness: Mapping[str, timedelta], ends: Mapping[SourcePartition, int]
) -> datetime | None:
    """The frontier without the idle partitions; where all are idle the furthest of them decides."""
    known = list(partitions)
    moving = [partition for partition in known if not partition.idle(ends)]
    if moving:
        return watermark_frontier(moving, lateness)
    reached = [
        closes_until(partition.watermark, lateness[partition.source_class])
        for partition in known
        if partition.watermark is not None
    ]
    return max(reached, default=None)


def offset_of(size: str, day_cut: timedelta) -> timedelta:
    """Only day windows have a cut of their own."""
    return day_cut if size == "1d" else timedelta(0)


@dataclass(frozen=True, slots=True)
class Frontier:
    """Panes that end at ``closed`` or earlier were closed before; this step closes those up to ``until``."""

    closed: datetime | None
    until: datetime | None

    def has_closed(self, end: datetime) -> bool:
        """Whether the window that ends there is closed after this step."""
        return self.until is not None and end <= self.until

    def as_of(self, end: datetime, due: datetime) -> datetime | None:
        """The pane end of the revision by which a closed window comes to show rows; None where its close does."""
        if self.closed is None or end > self.closed:
            return due if due > end else None
        # rows for a pane that was closed without them: only where input ended, or was taken to have
        return due if due > self.closed else self.until


def plan_fold(
    dirty: Iterable[Dirty], frontier: Frontier, day_cut: timedelta, *, provisional: bool
) -> FoldPlan:
    """What to do about dirty panes: closed windows get their revisions, and with ``provisional`` open ones are folded."""
    windows: dict[str, set[datetime]] = {size: set() for size in WINDOW_SIZES}
    renewed: dict[str, set[datetime]] = {size: set() for size in WINDOW_SIZES}
    revisions: dict[str, set[Refold]] = {size: set() for size in WINDOW_SIZES}
    carried: set[Dirty] = set()
    for item in dirty:
        for size, width in WINDOW_SIZES.items():
            start = floor(item.pane, width, offset_of(size, day_cut))
            waits = item.due is not None and (frontier.until is None or item.due > frontier.until)
            if frontier.until is None or start + width > frontier.until:
                if provisional:
                    windows[size].add(start)
                elif not waits:
                    carried.add(Dirty(item.pane, None))
            if waits:
                carried.add(item)
            elif item.due == FROM_THE_START and frontier.has_closed(start + width):
                renewed[size].add(start)
            elif item.due not in {None, FROM_THE_START} and frontier.has_closed(start + width):
                assert item.due is not None
                as_of = frontier.as_of(start + width, item.due)
                if as_of is not None:
                    revisions[size].add(Refold(start, as_of, item.pane, item.due))
    return FoldPlan(
        {size: sorted(starts) for size, starts in windows.items()},
        {size: sorted(starts) for size, starts in renewed.items()},
        {size: sorted(found) for size, found in revisions.items()},
        sorted(carried, key=lambda item: (item.pane, item.due or item.pane)),
    )


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
