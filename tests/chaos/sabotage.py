"""Deliberate faults of the worker: with any of them switched on, the harness must fail.

Each wraps the document store as the delivery sees it. Nothing in the product reads these.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from streams.domain.batch import Batch

if TYPE_CHECKING:
    from collections.abc import Callable


class _Wrapped:
    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


class AckEarly(_Wrapped):
    """Progress first, data afterwards: what a crash meets between the two is lost."""

    async def persist(self, batch: Batch) -> None:
        await self._inner.persist(Batch(batch.moves))
        await self._inner.persist(replace(batch, moves=()))


class SkipProgress(_Wrapped):
    """Data without progress: nobody ever knows that it is there."""

    async def persist(self, batch: Batch) -> None:
        await self._inner.persist(replace(batch, moves=()))


class DoubleCount(_Wrapped):
    """A write that is not idempotent: each batch's first document is stored a second time, under a key of its own."""

    async def persist(self, batch: Batch) -> None:
        await self._inner.persist(batch)
        if batch.documents:
            scored = batch.documents[0]
            original = scored.enriched.document
            again = replace(original, source_id=f"{original.source_id}#2")
            twice = replace(scored, enriched=replace(scored.enriched, document=again))
            await self._inner.persist(Batch((), (twice,)))


class DropDeadLetter(_Wrapped):
    """Bad records vanish."""

    async def persist(self, batch: Batch) -> None:
        await self._inner.persist(replace(batch, dead_letters=()))


def honest(store: Any) -> Any:
    return store


SABOTAGES: dict[str, Callable[[Any], Any]] = {
    "none": honest,
    "ack-early": AckEarly,
    "skip-progress": SkipProgress,
    "double-count": DoubleCount,
    "drop-dead-letter": DropDeadLetter,
}
