"""Waiting for a dependency: exponential backoff with jitter, without end.

One log line when it goes, one when it is back.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import random
from typing import TYPE_CHECKING, TypeVar

from streams.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

T = TypeVar("T")
log = logging.getLogger(__name__)

FIRST_WAIT = 0.2
LONGEST_WAIT = 15.0


async def patiently(action: Callable[[], Awaitable[T]]) -> T:
    """The action's result, however long its dependency is away.

    Cancelling ends the wait; errors other than `Unavailable` pass through.
    """
    for attempt in itertools.count(1):
        try:
            result = await action()
        except Unavailable as error:
            if attempt == 1:
                log.warning("waiting: %s", error)
            await asyncio.sleep(pause_after(attempt))
        else:
            if attempt > 1:
                log.warning("back after %d attempts", attempt)
            return result
    raise AssertionError("retrying without end has ended")


def pause_after(attempt: int) -> float:
    """Seconds to wait after this many attempts: doubled each time, then half of it to all of it."""
    longest: float = min(LONGEST_WAIT, FIRST_WAIT * 2.0 ** min(attempt - 1, 16))
    return random.uniform(longest / 2, longest)  # noqa: S311 - spreads retries, no secret
