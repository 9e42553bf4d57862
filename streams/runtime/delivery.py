"""The one place with acknowledge, retry and bury.

Each input topic has a lane. A lane cuts its records into slices (by size, or by the age of the first record), classifies a
few slices at once, persists them in the order they were cut, and acknowledges a slice only after its transaction has
committed; so what is acknowledged is always a contiguous prefix of each partition. Everything is bounded: a lane that is
full blocks its agent, and Faust stops fetching.

When partitions are assigned, pending work is dropped and reading starts from `source_progress`, whatever Kafka remembers.
A write fails as a whole (`StaleWriter`) where progress is not what it builds on: another worker was faster, or an earlier
try of ours has gone through although its answer was lost. It is repeated with what progress does not cover yet; what was
read beyond it goes on as it is, because a record means the same to every reader.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from streams.domain.watermark import PartitionClock
from streams.errors import StaleWriter
from streams.runtime.patience import patiently

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from streams.domain.batch import Batch
    from streams.domain.document import RawRecord, SourceClass, SourcePartition
    from streams.pipeline import Pipeline, Slice
    from streams.ports import DocumentStore
    from streams.settings import Settings

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Tally:
    """What a lane has stored since it started; for progress lines."""

    records: int = 0
    documents: int = 0
    mentions: int = 0
    dead_letters: int = 0


@dataclass(frozen=True, slots=True)
class InFlight:
    """A slice on its way, with what to call once it is stored."""

    part: Slice
    acknowledge: tuple[Callable[[], object], ...]
    batch: asyncio.Task[Batch]


@dataclass(slots=True)
class Stretch:
    """The work of a lane between two assignments; dropped as a whole by the next one."""

    clocks: dict[SourcePartition, PartitionClock]
    queue: asyncio.Queue[InFlight]
    records: list[RawRecord] = field(default_factory=list)
    acknowledge: list[Callable[[], object]] = field(default_factory=list)
    reached: dict[SourcePartition, int] = field(default_factory=dict)
    age: asyncio.TimerHandle | None = None
    unstored: int = 0

    def gather(self, record: RawRecord, acknowledge: Callable[[], object]) -> None:
        """Append a record to the slice that is being filled."""
        self.records.append(record)
        self.acknowledge.append(acknowledge)
        self.reached[record.source] = record.offset + 1

    def wants(self, record: RawRecord) -> bool:
        """Assigned to us, and not gathered yet (a re-delivery is)."""
        return record.source in self.clocks and record.offset >= self.next_wanted(record.source)

    def next_wanted(self, source: SourcePartition) -> int:
        """The offset after the last one gathered."""
        return self.reached.get(source, self.clocks[source].next_offset)

    def drop(self) -> None:
        """Abandon what is not stored: it will be read again."""
        if self.age is not None:
            self.age.cancel()
        while not self.queue.empty():
            self.queue.get_nowait().batch.cancel()


class Lane:
    """One input topic's way through the pipeline."""

    def __init__(
        self, source_class: SourceClass, pipeline: Pipeline, store: DocumentStore, settings: Settings
    ) -> None:
        self.source_class = source_class
        self.tally = Tally()
        self._pipeline = pipeline
        self._store = store
        self._settings = settings
        self._cutting = asyncio.Lock()
        self._stretch = self._new_stretch({})
        self._runner: asyncio.Task[None] | None = None
        self._cuts: set[asyncio.Task[None]] = set()
        self.failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def _new_stretch(self, clocks: dict[SourcePartition, PartitionClock]) -> Stretch:
        return Stretch(clocks, asyncio.Queue(maxsize=self._settings.worker.slices_in_flight))

    @property
    def idle(self) -> bool:
        """Nothing is waiting, being classified or being written."""
        return not self._stretch.records and self._stretch.unstored == 0

    async def reset(self, partitions: Sequence[SourcePartition]) -> Mapping[SourcePartition, int]:
        """Drop pending work and start these partitions from their stored progress; returns the offsets to read from.

        Cancels a write that waits for its dependency: whether it went through shows in the progress read next.
        """
        await self.stop()
        progress = await patiently(lambda: self._store.progress(partitions))
        lateness = self._settings.lateness(self.source_class)
        clocks = {
            source: PartitionClock.at(at, source, self.source_class, lateness)
            for source, at in progress.items()
        }
        async with self._cutting:
            self._stretch = self._new_stretch(clocks)
        self._runner = asyncio.ensure_future(self._run(self._stretch))
        self._runner.add_done_callback(self._note_failure)
        return {source: clock.next_offset for source, clock in clocks.items()}

    async def stop(self) -> None:
        """Abandon what is not stored."""
        if self._runner is not None:
            self._runner.remove_done_callback(self._note_failure)
            self._runner.cancel()
            await asyncio.wait({self._runner})
            if not self._runner.cancelled():
                self._runner.exception()  # seen: the worker ends or starts anew anyway
        old, self._stretch = self._stretch, self._new_stretch({})
        old.drop()
        async with self._cutting:  # a cut that waited for room has put its slice by now
            old.drop()

    def _note_failure(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if error is not None and not self.failed.done():
            self.failed.set_exception(error)

    async def add(self, record: RawRecord, acknowledge: Callable[[], object]) -> None:
        """Take in one record; blocks while the lane is full.

        Records read before, or not ours any more, are skipped and not acknowledged: they need not be stored yet.
        """
        stretch = self._stretch
        if not stretch.wants(record):
            return
        stretch.gather(record, acknowledge)
        if len(stretch.records) >= self._settings.worker.slice_records:
            await self._cut(stretch)
        elif stretch.age is None:
            delay = self._settings.worker.slice_age.total_seconds()
            stretch.age = asyncio.get_running_loop().call_later(delay, self._cut_soon, stretch)

    def _cut_soon(self, stretch: Stretch) -> None:
        task = asyncio.ensure_future(self._cut(stretch))
        self._cuts.add(task)
        task.add_done_callback(self._cuts.discard)
        task.add_done_callback(self._note_failure)

    async def _cut(self, stretch: Stretch) -> None:
        """Read what has gathered and send it on its way; waits for room. Slices enter the queue in offset order."""
        async with self._cutting:
            if stretch.age is not None:
                stretch.age.cancel()
                stretch.age = None
            if not stretch.records or stretch is not self._stretch:
                return
            records, stretch.records = stretch.records, []
            acknowledge, stretch.acknowledge = stretch.acknowledge, []
            part = self._pipeline.read(records, stretch.clocks)
            stretch.unstored += 1
            batch = asyncio.ensure_future(patiently(lambda: self._pipeline.finish(part)))
            try:
                await stretch.queue.put(InFlight(part, tuple(acknowledge), batch))
            except BaseException:
                batch.cancel()
                raise

    async def _run(self, stretch: Stretch) -> None:
        """Persist slices in order. An unknown error ends the lane before anything of the slice was acknowledged."""
        while True:
            item = await stretch.queue.get()
            try:
                batch = await item.batch
                await self._persist(batch)
            except BaseException:
                item.batch.cancel()
                raise
            for acknowledge in item.acknowledge:
                acknowledge()
            stretch.unstored -= 1
            self._count(item.part, batch)

    async def _persist(self, batch: Batch) -> None:
        while batch.moves:
            try:
                await patiently(lambda: self._store.persist(batch))  # noqa: B023 - awaited before batch changes
            except StaleWriter as stale:
                log.warning("%s", stale)
                batch = await self._left_of(batch, stale)
            else:
                return

    async def _left_of(self, batch: Batch, stale: StaleWriter) -> Batch:
        """The batch without what is stored already; a progress that was set back is an error."""
        moves = [
            move for move in batch.moves if (move.source.topic, move.source.partition) in stale.partitions
        ]
        progress = await patiently(lambda: self._store.progress([move.source for move in moves]))
        stored = {source: at.next_offset for source, at in progress.items()}
        if any(stored.get(move.source, -1) < move.first for move in moves):
            raise stale
        return batch.beyond(stored)

    def _count(self, part: Slice, batch: Batch) -> None:
        self.tally.records += part.records
        self.tally.documents += len(batch.documents)
        self.tally.mentions += sum(len(item.mentions) for item in batch.documents)
        self.tally.dead_letters += len(batch.dead_letters)

    async def finish(self) -> None:
        """Cut what has gathered and wait until all of it is stored."""
        if not self.failed.done():
            await self._cut(self._stretch)
        while not self.idle and not self.failed.done():  # noqa: ASYNC110 - once, at the end of a worker
            await asyncio.sleep(0.02)
