"""The orderly end of a worker, each step bounded: what could not be stored by then is read again after the next start.

Nothing is lost by leaving early, because nothing is acknowledged before it is stored. So no step waits for a dependency
longer than its share of the 30 seconds that a SIGTERM gives, also when Kafka, Postgres or Triton accept connections and
never answer.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Sequence

    from streams.runtime.app import SentiwatchApp
    from streams.runtime.delivery import Lane
    from streams.runtime.service import Service
    from streams.runtime.status import WorkerStatus

log = logging.getLogger(__name__)

INTAKE_SECONDS = 1.0
CANCEL_SECONDS = 2.0
HEARD_SECONDS = 0.2
LEAVE_SECONDS = 5.0
HOPELESS_SECONDS = 3.0
"""A dependency that has been away this long will hardly come back in time."""


class Shutdown:
    """Stop intake, finish what is in flight, tell Kafka, leave the group."""

    def __init__(
        self, service: Service, app: SentiwatchApp, lanes: Sequence[Lane], status: WorkerStatus
    ) -> None:
        self._service = service
        self._app = app
        self._lanes = lanes
        self._status = status

    async def run(self, background: Sequence[asyncio.Future[None]]) -> None:
        """Also cancels what runs beside the lanes."""
        await self._within(INTAKE_SECONDS, self._app.stop_intake())
        if not await self._finished():
            self._status.left_behind = True
            log.warning("not everything that was read could be stored: the next start reads it again")
            await self._break_off()
        for task in background:
            task.cancel()
        stopped = asyncio.gather(*background, *(lane.stop() for lane in self._lanes), return_exceptions=True)
        if not await self._within(CANCEL_SECONDS, stopped):
            await self._break_off()
            await self._within(CANCEL_SECONDS, stopped)
        if not await self._within(LEAVE_SECONDS, self._app.stop()):
            self._status.left_behind = True
            log.warning("Kafka does not answer: the group is left without a word")

    async def _break_off(self) -> None:
        """What waits for Postgres hears of it before it is cancelled: a cancellation would ask the server once more."""
        self._service.abandon()
        await asyncio.sleep(HEARD_SECONDS)

    async def _finished(self) -> bool:
        """Whether everything in flight was stored in time; does not wait long for what is away."""
        work = asyncio.gather(*(lane.finish() for lane in self._lanes))
        until = time.monotonic() + self._service.settings.worker.shutdown.total_seconds()
        while not work.done() and time.monotonic() < until:
            await asyncio.wait({work}, timeout=0.2)
            away = [time.monotonic() - one.since for one in self._service.breakers if not one.is_closed]
            if any(seconds >= HOPELESS_SECONDS for seconds in away):
                break
        if work.done():
            work.result()
        return work.done()

    async def _within(self, seconds: float, work: Awaitable[object]) -> bool:
        """Whether it was done in time; it is not cancelled, since a cancellation may wait for an answer too."""
        task = asyncio.ensure_future(work)
        await asyncio.wait({task}, timeout=seconds)
        if task.done():
            task.result()
        return task.done()
