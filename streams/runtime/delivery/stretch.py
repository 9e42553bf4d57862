"""The work of a lane between two assignments; the next one drops it as a whole."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio

    from streams.domain.batch import Batch
    from streams.domain.document import RawRecord, SourcePartition
    from streams.domain.watermark import PartitionClock
    from streams.pipeline import Slice


@dataclass(frozen=True, slots=True)
class InFlight:
    """A slice on its way."""

    part: Slice
    batch: asyncio.Task[Batch]


@dataclass(slots=True)
class Stretch:
    """What was taken in since the start, and how far it is stored."""

    clocks: dict[SourcePartition, PartitionClock]
    queue: asyncio.Queue[InFlight]
    records: list[RawRecord] = field(default_factory=list)
    reached: dict[SourcePartition, int] = field(default_factory=dict)
    """The offset after the last one taken in, for each partition."""
    stored: dict[SourcePartition, int] = field(default_factory=dict)
    acknowledged_at: dict[SourcePartition, float] = field(default_factory=dict)
    """When it was last stored, or assigned (`time.monotonic`)."""
    age: asyncio.TimerHandle | None = None
    unstored: int = 0

    @classmethod
    def over(cls, clocks: dict[SourcePartition, PartitionClock], queue: asyncio.Queue[InFlight]) -> Stretch:
        """Nothing taken in yet."""
        offsets = {source: clock.next_offset for source, clock in clocks.items()}
        return cls(
            clocks,
            queue,
            reached=dict(offsets),
            stored=offsets,
            acknowledged_at=dict.fromkeys(offsets, time.monotonic()),
        )

    def gather(self, record: RawRecord) -> bool:
        """Append a record to the slice that is being filled, if it is assigned to us and not taken in yet."""
        reached = self.reached.get(record.source)
        if reached is None or record.offset < reached:
            return False
        self.records.append(record)
        self.reached[record.source] = record.offset + 1
        return True

    def note_stored(self, part: Slice) -> None:
        """A slice is stored, by us or by another worker that was faster."""
        now = time.monotonic()
        for move in part.moves:
            self.stored[move.source] = move.next_offset
            self.acknowledged_at[move.source] = now
        self.unstored -= 1

    def drop(self) -> None:
        """Abandon what is not stored: it will be read again."""
        if self.age is not None:
            self.age.cancel()
        while not self.queue.empty():
            self.queue.get_nowait().batch.cancel()
