"""Waiting for a dependency: exponential backoff with jitter, without end; one log line when it goes, one when it is back."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, TypeVar

from tenacity import AsyncRetrying, retry_if_exception_type, wait_exponential_jitter

from streams.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tenacity import RetryCallState

T = TypeVar("T")
log = logging.getLogger(__name__)

FIRST_WAIT = 0.2
LONGEST_WAIT = 15.0


def _announce(state: RetryCallState) -> None:
    if state.attempt_number == 1 and state.outcome is not None:
        log.warning("waiting: %s", state.outcome.exception())


async def patiently(action: Callable[[], Awaitable[T]]) -> T:
    """The action's result, however long its dependency is away. Cancelling ends the wait; other errors pass through."""
    attempts = AsyncRetrying(
        retry=retry_if_exception_type(Unavailable),
        wait=wait_exponential_jitter(initial=FIRST_WAIT, max=LONGEST_WAIT, jitter=1.0),
        before_sleep=_announce,
        reraise=True,
    )
    async for attempt in attempts:
        with attempt:
            result = await action()
        if attempt.retry_state.outcome is not None and not attempt.retry_state.outcome.failed:
            if attempt.retry_state.attempt_number > 1:
                log.warning("back after %d attempts", attempt.retry_state.attempt_number)
            return result
    msg = "retrying without end has ended"
    raise AssertionError(msg)
