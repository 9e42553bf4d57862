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
    _first: int = field(init=False)
    _steps: list[WatermarkStep] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        self._first = self.next_offset

    @classmethod
    def at(
        cls, progress: Progress, source: SourcePartition, source_class: SourceClass, lateness: timedelta
    ) -> PartitionClock:
        """A clock that goes on where the stored progress ends."""
        return cls(source, source_class, lateness, progress.next_offset, progress.watermark)

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
        if event_time is not None and (known is None or event_time > known):
            self.watermark = event_time
            self._note_step(known, event_time, timestamp)
        return known

    def _note_step(self, before: datetime | None, after: datetime, timestamp: datetime) -> None:
        reached = closes_until(after, self.lateness)
        if before is None or reached > closes_until(before, self.lateness):
            self._steps.append(WatermarkStep(reached, timestamp))

    def take_move(self) -> Move:
        """What was read since the last call, as one contiguous move."""
        move = Move(
            self.source, self.source_class, self._first, self.next_offset, self.watermark, tuple(self._steps)
        )
        self._first = self.next_offset
        self._steps = []
        return move
