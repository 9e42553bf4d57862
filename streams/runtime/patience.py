"""Waiting for dependencies, without end and behind their breakers: see `streams.runtime.breaker`."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, TypeVar

from streams.errors import Poisonous, StaleWriter, Unavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from streams.errors import Dependency
    from streams.runtime.breaker import Breakers

T = TypeVar("T")


async def patiently(action: Callable[[], Awaitable[T]], breakers: Breakers, *needs: Dependency) -> T:
    """The action's result, however long one of its dependencies is away.

    Cancelling ends the wait; errors other than `Unavailable` pass through.

    Args:
        action: may be called again after it has raised `Unavailable`.
        breakers: of this process.
        needs: what the action asks.
    """
    ordered = sorted(needs)  # one order for everybody: two who need both cannot wait for each other
    while True:
        async with AsyncExitStack() as passages:
            for dependency in ordered:
                await passages.enter_async_context(breakers[dependency].passage())
            try:
                result = await action()
            except Unavailable as error:
                if (task := asyncio.current_task()) is not None and task.cancelling():
                    raise asyncio.CancelledError from error  # a broken connection must not swallow the cancellation
                blamed = error.dependency if error.dependency in ordered else ordered[0]
                breakers[blamed].fail(str(error))
                continue
            except (StaleWriter, Poisonous):
                answered(breakers, ordered)
                raise
            answered(breakers, ordered)
            return result


def answered(breakers: Breakers, dependencies: Iterable[Dependency]) -> None:
    """Whatever the answer was: there was one."""
    for dependency in dependencies:
        breakers[dependency].succeed()
