"""The worker: agents, closer, outbox, heartbeats and watchdog in one process, from start-up to a clean end.

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

from streams.errors import Dependency
from streams.logs import tell_stored
from streams.runtime.agents import add_agents
from streams.runtime.app import make_app
from streams.runtime.closing import close_windows, keep_closing
from streams.runtime.delivery import Lane, Policies
from streams.runtime.health import Health
from streams.runtime.heartbeat import Heartbeats
from streams.runtime.patience import patiently
from streams.runtime.shutdown import Shutdown
from streams.runtime.status import PartitionStatus, WorkerStatus
from streams.runtime.watchdog import Deadline, LoopWatch, check_progress
from streams.runtime.web import Pages, served

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
    from typing import Any

    from streams.domain.batch import Batch
    from streams.domain.document import SourcePartition
    from streams.runtime.service import Service

log = logging.getLogger(__name__)

POLL_SECONDS = 0.2
OUTBOX_SECONDS = 0.5
LAST_SECONDS = 2.0
# SIGTERM to the end, whatever hangs; an orderly end takes 26 s at most (see `streams.runtime.shutdown`).
DEADLINE_SECONDS = 27.0
# A draining worker waits this much longer than a member that left without a word can hold its
# partitions: after that they are ours, and Kafka hears how far they are stored.
TELL_SECONDS = 5.0
# Five seconds in which nothing came of a partition that the driver has read to its end.
QUIET_POLLS = 25


class Worker:
    """One process of a consumer group."""

    def __init__(
        self, service: Service, instance_id: str, watch: Callable[[WorkerStatus], None] | None = None
    ) -> None:
        self._service = service
        self._settings = service.settings
        self._app = make_app(service.settings.kafka, instance_id, self._assign)
        policies = Policies(service.breakers, self._acknowledge, self._note_stored)
        self._lanes = {
            topic: Lane(source_class, service.pipeline, service.store, service.settings, policies)
            for topic, source_class in service.inputs.items()
        }
        add_agents(self._app, self._lanes)
        self._watch = watch or (lambda _: None)
        self._stop = asyncio.Event()
        self._told: set[str] = set()
        self._deadline = Deadline(DEADLINE_SECONDS, "told to end and still not done: leaving at once")
        self._quiet_polls = 0
        self._stored_at: float | None = None
        self.status = WorkerStatus()

    def _acknowledge(self, source: SourcePartition, next_offset: int) -> None:
        self._app.consumer.acknowledge(source, next_offset)

    def _note_stored(self, topic: str, batch: Batch, records: int) -> None:
        self._service.telemetry.stored(topic, batch, records)
        tell_stored(topic, batch, records)

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
        health = Health(lambda: self.status, self._service.store, self._settings)
        self._service.telemetry.watch(lambda: self.status, lambda: not health.not_live())
        pages = Pages(self._service.telemetry.page, health.not_live, health.not_ready)
        async with served(self._settings.web, pages):
            return await self._run(drain=drain)

    async def _run(self, *, drain: bool) -> WorkerStatus:
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
            await Shutdown(self._service, self._app, list(self._lanes.values()), self.status).run(background)
        if drain and not self._stop.is_set():
            self.status.phase = "closing windows"
            await self._unless_stopped(
                close_windows(self._service, self.status, self._report, end_of_input=True)
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
        await asyncio.wait({task}, timeout=LAST_SECONDS if self._service.breakers.all_closed else 0)
        if not task.done():
            self._service.abandon()
            task.cancel()
            await asyncio.wait({task}, timeout=LAST_SECONDS)
        else:
            task.result()

    def stop(self) -> None:
        """End `run` as SIGTERM does."""
        self._stop.set()

    def _install_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._told_to_end)

    def _told_to_end(self) -> None:
        self._deadline.start()
        self.stop()

    def _background(
        self, partitions: Iterable[SourcePartition], *, drain: bool
    ) -> list[Coroutine[Any, Any, None]]:
        interval = self._settings.worker.closer_interval.total_seconds()
        tasks = [
            keep_closing(self._service, self.status, self._report, interval),
            self._publishing(),
            self._probing(),
            LoopWatch().run(),
        ]
        writes_heartbeats = self._settings.worker.heartbeat_interval and not self._settings.worker.force_idle
        if not drain and writes_heartbeats:
            silence = self._settings.worker.heartbeat_interval
            tasks.append(Heartbeats(self._service, list(partitions), silence).run())
        return tasks

    async def _until_done(
        self, ends: Mapping[SourcePartition, int], background: Sequence[asyncio.Future[None]], *, drain: bool
    ) -> None:
        began = time.monotonic()
        while not self._stop.is_set():
            self._check(background, drain=drain)
            if self._app.crashed:
                raise self._app.crash_reason or RuntimeError("Faust has crashed")
            if drain and await self._drained(ends):
                break
            self._report()
            check_progress(self.status)
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._stop.wait(), POLL_SECONDS)
        self.status.consumed_seconds = time.monotonic() - began

    async def _drained(self, ends: Mapping[SourcePartition, int]) -> bool:
        """Everything below the end offsets is stored, and Kafka told so; a tail of control records counts as read."""
        if not all(lane.idle for lane in self._lanes.values()):
            self._quiet_polls = 0
            return False
        progress = await patiently(
            lambda: self._service.store.progress(list(ends)), self._service.breakers, Dependency.POSTGRES
        )
        behind = {source: end for source, end in ends.items() if progress[source].next_offset < end}
        if not behind:
            return await self._told_kafka({source: at.next_offset for source, at in progress.items()})
        quiet = [await self._is_read(source, end) for source, end in behind.items()]
        self._quiet_polls = self._quiet_polls + 1 if all(quiet) else 0
        return self._quiet_polls >= QUIET_POLLS

    async def _told_kafka(self, stored: Mapping[SourcePartition, int]) -> bool:
        """A worker that ended while partitions changed hands may have stored them and not said so: they come to us."""
        self._stored_at = self._stored_at or time.monotonic()
        limit = self._settings.kafka.session_timeout.total_seconds() + TELL_SECONDS
        if time.monotonic() - self._stored_at < limit:
            return await self._app.consumer.remembers(stored)
        log.warning(
            "all is stored, but Kafka does not remember it yet: the next worker of the group tells it"
        )
        return True

    async def _is_read(self, source: SourcePartition, end: int) -> bool:
        return bool(await self._app.consumer.has_fetched(source, end))

    def _check(self, background: Sequence[asyncio.Future[None]], *, drain: bool) -> None:
        """Raises what has ended a part of us; a topic that is being buried stops a worker that serves only there."""
        for lane in self._lanes.values():
            if lane.halted and not drain:
                if lane.halted not in self._told:
                    log.error("%s", lane.halted)
                    self._told.add(lane.halted)
            elif lane.failed.done():
                lane.failed.result()
        for task in background:
            if task.done():
                task.result()

    async def _publishing(self) -> None:
        while True:
            await self._flush_outbox()
            await asyncio.sleep(OUTBOX_SECONDS)

    async def _flush_outbox(self) -> None:
        needs = Dependency.KAFKA, Dependency.POSTGRES
        while await patiently(self._service.outbox.flush, self._service.breakers, *needs):
            pass

    async def _probing(self) -> None:
        """Ask every model now and then: the server calls itself healthy although a model's process has died."""
        probe = self._service.pipeline.scoring.classifier.probe
        while True:
            await patiently(probe, self._service.breakers, Dependency.TRITON)
            self.status.models_answered = time.monotonic()
            await asyncio.sleep(self._settings.triton.probe_interval.total_seconds())

    def _report(self) -> None:
        self.status.take(self._lanes.values())
        self.status.take_breakers(self._service.breakers)
        self.status.halted = {topic: lane.halted for topic, lane in self._lanes.items() if lane.halted}
        self.status.partitions = dict(self._partitions())
        self._watch(self.status)

    def _partitions(self) -> Iterable[tuple[SourcePartition, PartitionStatus]]:
        now = time.monotonic()
        for lane in self._lanes.values():
            at = lane.stretch
            for source, stored in at.stored.items():
                quiet = now - at.acknowledged_at[source]
                end = self._app.consumer.end_of(source)
                watermark = at.clocks[source].watermark
                yield source, PartitionStatus(at.reached[source], stored, end, quiet, watermark)
