"""The one place with acknowledge, retry and bury.

Each input topic has a lane. A lane cuts its records into slices (by size, or by the age of the first record), classifies a
few slices at once, persists them in the order they were cut, and acknowledges a slice only after its transaction has
committed; so what is acknowledged is always a contiguous prefix of each partition, told as the next offset to read.
Everything is bounded: a lane that is full blocks its agent, whose queue fills, and Faust stops fetching those partitions.

When partitions are assigned, pending work is dropped and reading starts from `source_progress`, whatever Kafka remembers.
A write fails as a whole (`StaleWriter`) where progress is not what it builds on: another worker was faster, or an earlier
try of ours has gone through although its answer was lost. It is repeated with what progress does not cover yet; what was
read beyond it goes on as it is, because a record means the same to every reader.

A dependency that is away is waited for behind its breaker; a document that makes a stage or the store raise is isolated and
buried (`isolation`); a topic that turns bad ends its lane before it is buried (`burial`). Any other error ends the lane too,
before the slice is acknowledged, and with it the worker.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from streams.domain.watermark import PartitionClock
from streams.errors import BuriedTooMuch, Dependency, StaleWriter
from streams.runtime.breaker import Breakers
from streams.runtime.delivery.burial import BurialBreaker, BurialPolicy
from streams.runtime.delivery.isolation import finish_each, is_poison, without_poison
from streams.runtime.delivery.stretch import InFlight, Stretch
from streams.runtime.delivery.tally import Tally
from streams.runtime.patience import patiently

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from streams.domain.batch import Batch
    from streams.domain.document import RawRecord, SourceClass, SourcePartition
    from streams.pipeline import Pipeline, Slice
    from streams.ports import DocumentStore
    from streams.settings import Settings

IDLE_AGE = 0.05
T = TypeVar("T")
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Policies:
    """What a lane shares with the others of its process."""

    breakers: Breakers = field(default_factory=Breakers)
    acknowledge: Callable[[SourcePartition, int], object] = lambda _source, _next_offset: None
    """Called with the next offset of a partition once everything below it is stored."""
    stored: Callable[[str, Batch, int], object] = lambda _topic, _batch, _records: None
    """Called with each batch that is stored, its topic and how many records it came of."""


class Lane:
    """One input topic's way through the pipeline."""

    def __init__(
        self,
        source_class: SourceClass,
        pipeline: Pipeline,
        store: DocumentStore,
        settings: Settings,
        policies: Policies | None = None,
    ) -> None:
        self.source_class = source_class
        self.tally = Tally()
        self._policies = policies or Policies()
        self._burial = BurialBreaker(BurialPolicy.of(settings.worker))
        self._pipeline = pipeline
        self._store = store
        self._settings = settings
        self._cutting = asyncio.Lock()
        self._stretch = self._new_stretch({})
        self._runner: asyncio.Task[None] | None = None
        self._cuts: set[asyncio.Task[None]] = set()
        self.failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def _new_stretch(self, clocks: dict[SourcePartition, PartitionClock]) -> Stretch:
        return Stretch.over(clocks, asyncio.Queue(maxsize=self._settings.worker.slices_in_flight))

    @property
    def idle(self) -> bool:
        """Nothing is waiting, being classified or being written."""
        return not self._stretch.records and self._stretch.unstored == 0

    @property
    def halted(self) -> str:
        """Why nothing more of this topic is stored although nothing is broken, in one line; empty while all is well."""
        error = self.failed.exception() if self.failed.done() else None
        return str(error) if isinstance(error, BuriedTooMuch) else ""

    @property
    def stretch(self) -> Stretch:
        """What is assigned now and how far it is; to be read, not changed."""
        return self._stretch

    async def _patiently(self, action: Callable[[], Awaitable[T]], *needs: Dependency) -> T:
        return await patiently(action, self._policies.breakers, *needs)

    async def reset(self, partitions: Sequence[SourcePartition]) -> Mapping[SourcePartition, int]:
        """Drop pending work and start these partitions from their stored progress; returns the offsets to read from.

        Cancels a write that waits for its dependency: whether it went through shows in the progress read next.
        """
        await self.stop()
        progress = await self._patiently(lambda: self._store.progress(partitions), Dependency.POSTGRES)
        lateness = self._settings.lateness(self.source_class)
        clocks = {
            source: PartitionClock.at(at, source, self.source_class, lateness)
            for source, at in progress.items()
        }
        self._burial.was_good |= any(clock.watermark is not None for clock in clocks.values())
        async with self._cutting:
            self._stretch = self._new_stretch(clocks)
        if self.halted:
            self.failed = asyncio.get_running_loop().create_future()
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

    async def add(self, record: RawRecord) -> None:
        """Take in one record; waits while the lane is full.

        Records read before, or not ours any more, are skipped and not acknowledged: they need not be stored yet.
        """
        stretch = self._stretch
        if not stretch.gather(record):
            return
        if len(stretch.records) >= self._settings.worker.slice_records:
            await self._cut(stretch)
        elif stretch.age is None:
            stretch.age = asyncio.get_running_loop().call_later(self._age(stretch), self._cut_soon, stretch)

    def _age(self, stretch: Stretch) -> float:
        """How long a first record waits for others: a lane with nothing to do makes it wait less."""
        longest = self._settings.worker.slice_age.total_seconds()
        return longest if stretch.unstored else min(longest, IDLE_AGE)

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
            part = self._pipeline.read(records, stretch.clocks)
            stretch.unstored += 1
            batch = asyncio.ensure_future(finish_each(part, self._finish))
            try:
                await stretch.queue.put(InFlight(part, batch))
            except BaseException:
                batch.cancel()
                raise

    async def _finish(self, part: Slice) -> Batch:
        return await self._patiently(
            lambda: self._pipeline.finish(part), Dependency.POSTGRES, Dependency.TRITON
        )

    async def _run(self, stretch: Stretch) -> None:
        """Persist slices in order. An unknown error ends the lane before anything of the slice was acknowledged."""
        while True:
            item = await stretch.queue.get()
            try:
                batch = await item.batch
                self._judge(batch, item.part)
                batch = await self._persist(batch)
            except BaseException:
                item.batch.cancel()
                raise
            stretch.note_stored(item.part)
            for move in item.part.moves:
                self._policies.acknowledge(move.source, move.next_offset)
            self.tally.count(batch, item.part.records)
            self._policies.stored(item.part.moves[0].source.topic, batch, item.part.records)

    def _judge(self, batch: Batch, part: Slice) -> None:
        if self._burial.trips_on(batch, part.records):
            raise BuriedTooMuch(self._burial.line(part.moves[0].source.topic))

    async def _persist(self, batch: Batch) -> Batch:
        """Write what is not stored yet; returns the batch with its poison as letters."""
        left = batch
        while left.moves:
            try:
                await self._patiently(partial(self._store.persist, left), Dependency.POSTGRES)
            except StaleWriter as stale:
                log.warning("%s", stale)
                left = await self._left_of(left, stale)
            except Exception as error:
                if not is_poison(error):
                    raise
                batch = left = await self._purged(left, error)
            else:
                break
        return batch

    async def _purged(self, batch: Batch, error: Exception) -> Batch:
        async def rehearse(part: Batch) -> None:
            await self._patiently(partial(self._store.rehearse, part), Dependency.POSTGRES)

        try:
            return await without_poison(batch, error, rehearse)
        except StaleWriter as stale:
            return await self._left_of(batch, stale)

    async def _left_of(self, batch: Batch, stale: StaleWriter) -> Batch:
        """The batch without what is stored already; a progress that was set back is an error."""
        moves = [
            move for move in batch.moves if (move.source.topic, move.source.partition) in stale.partitions
        ]
        progress = await self._patiently(
            lambda: self._store.progress([move.source for move in moves]), Dependency.POSTGRES
        )
        stored = {source: at.next_offset for source, at in progress.items()}
        if any(stored.get(move.source, -1) < move.first for move in moves):
            raise stale
        return batch.beyond(stored)

    async def finish(self) -> None:
        """Cut what has gathered and wait until all of it is stored."""
        if not self.failed.done():
            await self._cut(self._stretch)
        while not self.idle and not self.failed.done():  # noqa: ASYNC110 - once, at the end of a worker
            await asyncio.sleep(0.02)
