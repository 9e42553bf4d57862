"""Liveness is progress; readiness is assigned, Postgres answering and every model having answered a synthetic question."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from streams.errors import SentiwatchError
from streams.runtime.watchdog import stalled

if TYPE_CHECKING:
    from collections.abc import Callable

    from streams.ports import DocumentStore
    from streams.runtime.status import WorkerStatus
    from streams.settings import Settings

POSTGRES_SECONDS = 2.0
PROBES_MISSED = 3
"""A model server that is being asked again behind its breaker is no news; three probes without an answer are."""


class Health:
    """What /live and /ready say, as lists of what is wrong."""

    def __init__(self, status: Callable[[], WorkerStatus], store: DocumentStore, settings: Settings) -> None:
        self._status = status
        self._store = store
        self._models_limit = settings.triton.probe_interval.total_seconds() * PROBES_MISSED

    def not_live(self) -> list[str]:
        """Empty while it gets on or knows what it waits for. That this answers at all shows that the loop turns."""
        line = stalled(self._status())
        return [line] if line else []

    async def not_ready(self) -> list[str]:
        """Empty when records that arrive now would be stored."""
        status = self._status()
        wrong = self.not_live()
        if not status.partitions:
            wrong.append("no partition is assigned")
        wrong += [f"{topic}: intake has stopped" for topic in sorted(status.halted)]
        wrong += [
            f"{name} does not answer"
            for name, one in sorted(status.dependencies.items())
            if one.state != "closed"
        ]
        answered = status.models_answered
        if answered is None or time.monotonic() - answered > self._models_limit:
            wrong.append("no recent answer of every model to a synthetic question")
        if not await self._postgres_answers():
            wrong.append("postgres does not answer in time")
        return wrong

    async def _postgres_answers(self) -> bool:
        try:
            await asyncio.wait_for(self._store.progress([]), POSTGRES_SECONDS)
        except (SentiwatchError, TimeoutError):
            return False
        return True
