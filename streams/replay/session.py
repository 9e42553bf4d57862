"""One bounded, isolated run over historical topics: the live pipeline and closer, fed from assigned partitions.

It never joins the live consumer group and never touches another run's rows. Order is arrival order; merging by event time
would remove late data and peek into the future. Killed, it goes on from its own `source_progress`.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

from streams.adapters.kafka.admin import OffsetSpan
from streams.errors import Dependency
from streams.runtime.closing import close_windows, keep_closing
from streams.runtime.delivery import Lane, Policies
from streams.runtime.patience import patiently
from streams.runtime.status import WorkerStatus

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from streams.adapters.kafka.history import HistoryReader
    from streams.domain.document import SourcePartition
    from streams.runtime.service import Service

T = TypeVar("T")
CLOSE_SECONDS = 1.0


class Replay:
    """Feeds lanes from a history reader until every partition is at its end, then closes the run."""

    def __init__(
        self, service: Service, reader: HistoryReader, watch: Callable[[WorkerStatus], None] | None = None
    ) -> None:
        self._service = service
        self._reader = reader
        self._watch = watch or (lambda _: None)
        self._lanes = {
            topic: Lane(
                source_class, service.pipeline, service.store, service.settings, Policies(service.breakers)
            )
            for topic, source_class in service.inputs.items()
        }
        self.status = WorkerStatus()

    async def run(self, spans: Mapping[SourcePartition, OffsetSpan]) -> WorkerStatus:
        """Read the spans (or what an earlier, killed attempt left of them), store, close.

        Raises:
            SentiwatchError: a lane met an error that retrying cannot help.
        """
        offsets: dict[SourcePartition, int] = {}
        for topic, lane in self._lanes.items():
            offsets.update(await lane.reset([source for source in spans if source.topic == topic]))
        left = {source: OffsetSpan(offsets[source], span.end) for source, span in spans.items()}
        self.status.total = sum(max(0, span.end - span.beginning) for span in left.values())
        self._reader.start(left)
        reading = asyncio.ensure_future(self._read())
        closing = asyncio.ensure_future(keep_closing(self._service, self.status, self._report, CLOSE_SECONDS))
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
        self.status.phase = "closing windows"
        await close_windows(self._service, self.status, self._report, end_of_input=True)
        self.status.phase = "done"
        self._report()
        return self.status

    async def _read(self) -> None:
        while True:
            for record in await self._patiently(self._reader.fetch):
                await self._lanes[record.source.topic].add(record)
            self._report()
            if await self._patiently(self._reader.at_end):
                break
        await asyncio.gather(*(lane.finish() for lane in self._lanes.values()))

    async def _patiently(self, action: Callable[[], Awaitable[T]]) -> T:
        return await patiently(action, self._service.breakers, Dependency.KAFKA)

    def _check(self, closing: asyncio.Future[None]) -> None:
        for task in (closing, *(lane.failed for lane in self._lanes.values())):
            if task.done():
                task.result()

    def _report(self) -> None:
        self.status.take(self._lanes.values())
        self._watch(self.status)
