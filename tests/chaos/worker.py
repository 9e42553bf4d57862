"""The product's worker with named points at which its process dies; `tests.chaos.nursery` starts it.

The product knows nothing of it: `open_service` is replaced by one that wraps the service's ports. ``CHAOS_POINT`` names a point
and on which pass of it to die, e.g. ``written:3``; ``CHAOS_PACE`` slows the writes, so that faults meet work in progress;
``CHAOS_SABOTAGE`` names a deliberate fault of `tests.chaos.sabotage`, which a harness that works must find.
"""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import streams.bootstrap
from streams.adapters.postgres.connection import Database
from streams.runtime.delivery import Lane
from tests.chaos import clocks
from tests.chaos.poison import ExplosiveMatcher
from tests.chaos.sabotage import SABOTAGES

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from psycopg import AsyncConnection

    from streams.domain.batch import Batch


@dataclass(slots=True)
class Fuse:
    """Kills this process when its point is passed for the last time."""

    point: str
    left: int

    @classmethod
    def from_environment(cls) -> Fuse:
        point, _, count = os.environ.get("CHAOS_POINT", "").partition(":")
        return cls(point, int(count or 1))

    def blows(self, point: str) -> bool:
        if point == self.point:
            self.left -= 1
        return point == self.point and self.left == 0

    def pass_by(self, point: str) -> None:
        if self.blows(point):
            die()


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


fuse = Fuse.from_environment()
pace = float(os.environ.get("CHAOS_PACE", "0"))
_inside: ContextVar[str] = ContextVar("inside", default="")


class MortalDatabase(Database):
    """Transactions that end with the process, before their COMMIT or just after it was sent."""

    @asynccontextmanager
    async def transaction(self, *arguments: Any, **options: Any) -> AsyncIterator[AsyncConnection[Any]]:
        async with super().transaction(*arguments, **options) as connection:
            yield connection
            place = _inside.get()
            if place == "batch":
                fuse.pass_by("before-commit")
            if (place == "batch" and fuse.blows("commit-sent")) or (
                place == "closer" and fuse.blows("closer-commit")
            ):
                connection.pgconn.send_query(b"COMMIT")
                connection.pgconn.flush()
                die()


class MortalStore:
    """A document store whose caller may die before and after a write."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def persist(self, batch: Batch) -> None:
        await asyncio.sleep(pace)
        tells = bool(batch.documents or batch.dead_letters)
        if tells:
            fuse.pass_by("before-write")
        token = _inside.set("batch" if tells else "")
        try:
            await self._inner.persist(batch)
        finally:
            _inside.reset(token)
        if tells:
            fuse.pass_by("written")


class MortalClosingStore:
    """A closing store whose caller may die in the middle of a step that closes something."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    @asynccontextmanager
    async def transaction(self, *arguments: Any, **options: Any) -> AsyncIterator[Any]:
        token = _inside.set("closer")
        try:
            async with self._inner.transaction(*arguments, **options) as transaction:
                yield _MortalSteps(transaction)
        finally:
            _inside.reset(token)


class _MortalSteps:
    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self._closes = False

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        self._closes = self._closes or name in {"unassigned", "fold"}
        if self._closes:
            fuse.pass_by("closer")
        return found


def install() -> None:
    """Put the wrapped ports in the place of the product's."""
    opened = streams.bootstrap.open_service
    assign = Lane.reset
    sabotage = SABOTAGES[os.environ.get("CHAOS_SABOTAGE", "none")]

    @asynccontextmanager
    async def open_service(*arguments: Any, **options: Any) -> AsyncIterator[Any]:
        async with opened(*arguments, **options) as service:
            enricher = service.pipeline.enricher
            enricher = replace(enricher, matcher=ExplosiveMatcher(enricher.matcher))
            service.pipeline = replace(service.pipeline, enricher=enricher)
            service.store = sabotage(MortalStore(service.store))
            service.closer._store = MortalClosingStore(service.closer._store)
            yield service

    async def reset(self: Lane, partitions: Any) -> Any:
        fuse.pass_by("rebalance")
        return await assign(self, partitions)

    streams.bootstrap.open_service = open_service
    streams.bootstrap.Database = MortalDatabase
    Lane.reset = reset
    clocks.install_if_told()
