"""One bounded, isolated run over historical records: the live pipeline and closer, fed from assigned partitions.

It never joins the live consumer group and never touches another run's rows. Order is arrival order; merging by event time
would remove late data and peek into the future. Killed, it goes on from its own `source_progress`. Several processes may
each read a share of the partitions: the last one to finish closes the run.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol, TypeVar

from streams.adapters.kafka.admin import OffsetSpan
from streams.domain.batch import Batch, Move
from streams.errors import Dependency
from streams.replay.pace import Share, Throttle
from streams.runtime.closing import close_windows, keep_closing
from streams.runtime.delivery import Lane, Policies
from streams.runtime.patience import patiently
from streams.runtime.status import WorkerStatus

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from datetime import datetime

    from streams.domain.document import RawRecord, SourcePartition
    from streams.runtime.service import Service

T = TypeVar("T")
CLOSE_SECONDS = 1.0


class Reader(Protocol):
    """Bounded history: Kafka's partitions or files."""

    def start(self, spans: Mapping[SourcePartition, OffsetSpan]) -> None:
        """Read each partition from its span's beginning up to its end."""

    async def fetch(self) -> list[RawRecord]:
        """The next records, in offset order a partition; empty when nothing came in time."""

    async def at_end(self) -> bool:
        """Whether everything was fetched."""


class Replay:
    """Feeds lanes from a reader until every partition of its share is at its end; closes the run when all shares are."""

    def __init__(
        self,
        service: Service,
        reader: Reader,
        watch: Callable[[WorkerStatus], None] | None = None,
        *,
        share: Share | None = None,
        throttle: Throttle | None = None,
    ) -> None:
        self._service = service
        self._reader = reader
        self._watch = watch or (lambda _: None)
        self._share = share or Share()
        self._throttle = throttle or Throttle()
        self._reached: dict[SourcePartition, datetime] = {}
        self._lanes = {
            topic: Lane(
                source_class, service.pipeline, service.store, service.settings, Policies(service.breakers)
            )
            for topic, source_class in service.inputs.items()
        }
        self.status = WorkerStatus()

    async def run(self, spans: Mapping[SourcePartition, OffsetSpan]) -> WorkerStatus:
        """Read the spans (or what an earlier, killed attempt left of them), store, close.

        Args:
            spans: of all partitions of the run, those of other shares too.

        Raises:
            SentiwatchError: a lane met an error that retrying cannot help.
        """
        mine = {source: spans[source] for source in self._share.pick(spans)}
        await self._start(mine)
        reading = asyncio.ensure_future(self._read())
        closing = asyncio.ensure_future(self._keep_closing())
        try:
            self.status.phase = "replaying"
            # A lane that has ended has room no more: whoever fails first, the reader must not wait for it.
            await asyncio.wait(
                {reading, closing, *(lane.failed for lane in self._lanes.values())},
                return_when=asyncio.FIRST_COMPLETED,
            )
            self._check(closing)
            await reading
            self._check(closing)
        finally:
            for task in (reading, closing):
                task.cancel()
            await asyncio.gather(reading, closing, return_exceptions=True)
            for lane in self._lanes.values():
                await lane.stop()
        self.status.consumed_seconds = self.status.age
        await self._mark_read(mine)
        if await self._all_read(spans):
            self.status.phase = "closing windows"
            await close_windows(self._service, self.status, self._report, end_of_input=True)
        self.status.phase = "done"
        self._report()
        return self.status

    async def _start(self, mine: Mapping[SourcePartition, OffsetSpan]) -> None:
        offsets: dict[SourcePartition, int] = {}
        for topic, lane in self._lanes.items():
            offsets.update(await lane.reset([source for source in mine if source.topic == topic]))
        left = {
            source: OffsetSpan(offsets[source], max(span.end, offsets[source]))
            for source, span in mine.items()
        }
        self.status.total = sum(span.end - span.beginning for span in left.values())
        self._reader.start(left)

    async def _keep_closing(self) -> None:
        """One process of a run is enough while others read."""
        if self._share.number == 1:
            await keep_closing(self._service, self.status, self._report, CLOSE_SECONDS)
        else:
            await asyncio.Event().wait()

    async def _read(self) -> None:
        while True:
            records = await self._patiently(self._reader.fetch)
            self._throttle.begin()
            for record in records:
                await self._lanes[record.source.topic].add(record)
                self._reached[record.source] = record.timestamp
            self._report()
            if await self._patiently(self._reader.at_end):
                break
            await asyncio.sleep(self._throttle.rest())
        await asyncio.gather(*(lane.finish() for lane in self._lanes.values()))

    async def _patiently(self, action: Callable[[], Awaitable[T]]) -> T:
        return await patiently(action, self._service.breakers, Dependency.KAFKA)

    async def _stored(self, action: Callable[[], Awaitable[T]]) -> T:
        return await patiently(action, self._service.breakers, Dependency.POSTGRES)

    def _check(self, closing: asyncio.Future[None]) -> None:
        for task in (closing, *(lane.failed for lane in self._lanes.values())):
            if task.done():
                task.result()

    async def _mark_read(self, mine: Mapping[SourcePartition, OffsetSpan]) -> None:
        """Holes at the end of a partition (control records, compaction) count as read."""
        progress = await self._stored(lambda: self._service.store.progress(list(mine)))
        moves = [
            Move(source, self._service.inputs[source.topic], at.next_offset, mine[source].end, at.watermark)
            for source, at in progress.items()
            if at.next_offset < mine[source].end
        ]
        if moves:
            await self._stored(lambda: self._service.store.persist(Batch(tuple(moves))))

    async def _all_read(self, spans: Mapping[SourcePartition, OffsetSpan]) -> bool:
        progress = await self._stored(lambda: self._service.store.progress(list(spans)))
        return all(progress[source].next_offset >= span.end for source, span in spans.items())

    def _report(self) -> None:
        self.status.take(self._lanes.values())
        self.status.reached = min(self._reached.values(), default=None)
        self._watch(self.status)
