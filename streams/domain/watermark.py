"""The watermark of one source partition: the largest event time seen so far in it, in offset order."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from streams.domain.batch import Move, WatermarkStep
from streams.domain.window import closes_until

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from streams.domain.document import Progress, SourceClass, SourcePartition


@dataclass(slots=True)
class PartitionClock:
    """Follows one partition record by record and says what a batch has moved.

    The only mutable noun of the domain: it belongs to one reader, which feeds it in offset order.
    """

    source: SourcePartition
    source_class: SourceClass
    lateness: timedelta
    next_offset: int
    watermark: datetime | None
    known_at: datetime | None = None
    """The largest Kafka timestamp so far: a producer's clock may jump back, knowledge does not."""
    rejected: int = 0
    _first: int = field(init=False)
    _steps: list[WatermarkStep] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        self._first = self.next_offset

    @classmethod
    def at(
        cls, progress: Progress, source: SourcePartition, source_class: SourceClass, lateness: timedelta
    ) -> PartitionClock:
        """A clock that goes on where the stored progress ends."""
        return cls(
            source, source_class, lateness, progress.next_offset, progress.watermark, progress.known_at,
            progress.rejected,
        )  # fmt: skip

    def seen(self, offset: int) -> bool:
        """Whether this offset was read already (a redelivery)."""
        return offset < self.next_offset

    def advance(self, offset: int, event_time: datetime | None, timestamp: datetime) -> datetime | None:
        """Take in one record; returns the watermark just before it (its `known_wm`).

        Args:
            offset: its offset, at or after ``next_offset`` (compaction leaves holes).
            event_time: its event time; None where it must not move the watermark (rejected, embargoed).
            timestamp: its Kafka timestamp.
        """
        known = self.watermark
        self.next_offset = offset + 1
        if event_time is None:
            return known
        self.known_at = self.knows_at(timestamp)
        if known is None or event_time > known:
            self.watermark = event_time
            self._note_step(known, event_time, self.known_at)
        return known

    def knows_at(self, timestamp: datetime) -> datetime:
        """When a record with this Kafka timestamp could be known: never before what precedes it."""
        return timestamp if self.known_at is None else max(self.known_at, timestamp)

    def count_reject(self) -> None:
        """Take note that the record to come is bad."""
        self.rejected += 1

    def _note_step(self, before: datetime | None, after: datetime, known_at: datetime) -> None:
        reached = closes_until(after, self.lateness)
        if before is None or reached > closes_until(before, self.lateness):
            self._steps.append(WatermarkStep(reached, known_at, self.next_offset, self.rejected))

    def take_move(self) -> Move:
        """What was read since the last call, as one contiguous move."""
        move = Move(
            self.source, self.source_class, self._first, self.next_offset, self.watermark, tuple(self._steps),
            self.known_at, self.rejected,
        )  # fmt: skip
        self._first = self.next_offset
        self._steps = []
        return move
