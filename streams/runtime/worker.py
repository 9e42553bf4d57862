"""The worker: agents, closer, outbox and heartbeats in one process, from start-up to a clean end.

Started once: it either drains (ends when everything up to the end offsets seen at its start is stored and closed) or serves
until SIGTERM or SIGINT. On an unknown error it ends before anything unstored is acknowledged; a supervisor restarts it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import time
from typing import TYPE_CHECKING

from streams.runtime.agents import add_agents
from streams.runtime.app import make_app
from streams.runtime.closing import close_windows, keep_closing
from streams.runtime.delivery import Lane
from streams.runtime.heartbeat import Heartbeats
from streams.runtime.patience import patiently
from streams.runtime.status import WorkerStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
    from typing import Any

    from streams.domain.document import SourcePartition
    from streams.runtime.service import Service

log = logging.getLogger(__name__)

POLL_SECONDS = 0.2
OUTBOX_SECONDS = 0.5
LAST_SECONDS = 5.0
# Five seconds in which nothing came of a partition that the driver has read to its end.
QUIET_POLLS = 25


class Worker:
    """One process of a consumer group."""

    def __init__(
        self, service: Service, instance_id: str, watch: Callable[[WorkerStatus], None] | None = None
    ) -> None:
        self._service = service
        self._settings = service.settings
        self._lanes = {
            topic: Lane(source_class, service.pipeline, service.store, service.settings)
            for topic, source_class in service.inputs.items()
        }
        self._app = make_app(service.settings.kafka, instance_id, self._assign)
        add_agents(self._app, self._lanes)
        self._watch = watch or (lambda _: None)
        self._stop = asyncio.Event()
        self._quiet_polls = 0
        self.status = WorkerStatus()

    async def _assign(self, assigned: Sequence[SourcePartition]) -> Mapping[SourcePartition, int]:
        offsets: dict[SourcePartition, int] = {}
        for topic, lane in self._lanes.items():
            offsets.update(await lane.reset([source for source in assigned if source.topic == topic]))
        log.info(
            "reading %s",
            ", ".join(f"{s.topic}-{s.partition}@{offset}" for s, offset in sorted(offsets.items())),
        )
        return offsets

    async def run(self, *, drain: bool) -> WorkerStatus:
        """Consume until stopped or drained.

        Raises:
            SentiwatchError: a start-up check failed, or a lane met an error that retrying cannot help.
        """
        ends = await self._service.find_ends()
        self._install_signals()
        progress = await self._service.store.progress(list(ends))
        self.status.total = sum(max(0, end - progress[source].next_offset) for source, end in ends.items())
        self._app.finalize()
        await self._app.start()
        background = [asyncio.ensure_future(task) for task in self._background(ends, drain=drain)]
        try:
            self.status.phase = "consuming"
            await self._until_done(ends, background, drain=drain)
        finally:
            await self._shut_down(background)
        if drain and not self._stop.is_set():
            self.status.phase = "closing windows"
            await self._unless_stopped(
                close_windows(self._service.closer, self.status, self._report, end_of_input=True)
            )
        await self._unless_stopped(self._flush_outbox())
        self.status.phase = "done"
        self._report()
        return self.status

    async def _unless_stopped(self, work: Coroutine[Any, Any, None]) -> None:
        """Last work, however long its dependency takes; once stopped it gets a few seconds and is left for the next start."""
        task = asyncio.ensure_future(work)
        stopped = asyncio.ensure_future(self._stop.wait())
        await asyncio.wait({task, stopped}, return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        await asyncio.wait({task}, timeout=LAST_SECONDS)
        if task.cancel():
            await asyncio.wait({task})
        else:
            task.result()

    def stop(self) -> None:
        """End `run` as SIGTERM does."""
        self._stop.set()

    def _install_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop)

    def _background(
        self, partitions: Iterable[SourcePartition], *, drain: bool
    ) -> list[Coroutine[Any, Any, None]]:
        interval = self._settings.worker.closer_interval.total_seconds()
        tasks = [keep_closing(self._service.closer, self.status, self._report, interval), self._publishing()]
        if not drain and self._settings.worker.heartbeat_interval:
            silence = self._settings.worker.heartbeat_interval
            tasks.append(Heartbeats(self._service, list(partitions), silence).run())
        return tasks

    async def _until_done(
        self, ends: Mapping[SourcePartition, int], background: Sequence[asyncio.Future[None]], *, drain: bool
    ) -> None:
        began = time.monotonic()
        while not self._stop.is_set():
            for task in (*background, *(lane.failed for lane in self._lanes.values())):
                if task.done():
                    task.result()
            if self._app.crashed:
                raise self._app.crash_reason or RuntimeError("Faust has crashed")
            if drain and await self._drained(ends):
                break
            self._report()
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._stop.wait(), POLL_SECONDS)
        self.status.consumed_seconds = time.monotonic() - began

    async def _drained(self, ends: Mapping[SourcePartition, int]) -> bool:
        """Everything below the end offsets is stored; a tail without records (control records) counts as read."""
        if not all(lane.idle for lane in self._lanes.values()):
            self._quiet_polls = 0
            return False
        progress = await patiently(lambda: self._service.store.progress(list(ends)))
        behind = {source: end for source, end in ends.items() if progress[source].next_offset < end}
        if not behind:
            return True
        quiet = [await self._is_read(source, end) for source, end in behind.items()]
        self._quiet_polls = self._quiet_polls + 1 if all(quiet) else 0
        return self._quiet_polls >= QUIET_POLLS

    async def _is_read(self, source: SourcePartition, end: int) -> bool:
        return bool(await self._app.consumer.has_fetched(source, end))

    async def _shut_down(self, background: Sequence[asyncio.Future[None]]) -> None:
        """Stop intake, let in-flight work finish, acknowledge, leave the group. Bounded by `worker.shutdown`."""
        limit = self._settings.worker.shutdown.total_seconds()
        await self._app.stop_intake()
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(asyncio.gather(*(lane.finish() for lane in self._lanes.values())), limit)
        for task in background:
            task.cancel()
        await asyncio.gather(*background, return_exceptions=True)
        for lane in self._lanes.values():
            await lane.stop()
        await self._app.stop()

    async def _publishing(self) -> None:
        while True:
            await self._flush_outbox()
            await asyncio.sleep(OUTBOX_SECONDS)

    async def _flush_outbox(self) -> None:
        while await patiently(self._service.outbox.flush):
            pass

    def _report(self) -> None:
        self.status.take([lane.tally for lane in self._lanes.values()])
        self._watch(self.status)
