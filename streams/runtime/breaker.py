"""A breaker for each dependency: while it is open nobody asks, and one of those who wait makes the probe.

    closed ──failure──► open ──pause──► half open ──answer──► closed
                          ▲                 │
                          └────failure──────┘   a longer pause, up to a limit

The pause belongs to the dependency and not to the call, so there is no retry loop a caller and no stampede when the
dependency is back: whoever waits goes on as soon as one probe has been answered.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from streams.errors import Dependency

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

log = logging.getLogger(__name__)


class State(StrEnum):
    """As operators see it."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass(frozen=True, slots=True)
class Backoff:
    """Seconds between probes: doubled each time up to ``longest``, then half of it to all of it at random."""

    first: float = 0.2
    longest: float = 5.0

    def after(self, failures: int) -> float:
        """How long to wait after this many failures in a row."""
        span = min(self.longest, self.first * 2.0 ** min(failures - 1, 16))
        return random.uniform(span / 2, span)  # noqa: S311 - spreads probes, no secret


@dataclass(slots=True)
class Breaker:
    """The state of one dependency as this process sees it."""

    dependency: Dependency
    backoff: Backoff = Backoff()
    state: State = State.CLOSED
    failures: int = 0
    """In a row, since it was last closed."""
    opened: int = 0
    """How often it has opened."""
    reason: str = ""
    since: float = field(default_factory=time.monotonic)
    """When it was last opened or closed (`time.monotonic`)."""
    _probing: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def is_closed(self) -> bool:
        """Whether the dependency answers, as far as we know."""
        return self.state is State.CLOSED

    @asynccontextmanager
    async def passage(self) -> AsyncIterator[None]:
        """Inside, the dependency may be asked: at once while closed, else one at a time, after the pause."""
        async with AsyncExitStack() as turn:
            if not self.is_closed:
                await turn.enter_async_context(self._probing)
                if not self.failures:
                    await turn.aclose()  # the probe of another one was answered meanwhile
                else:
                    await asyncio.sleep(self.backoff.after(self.failures))
                    self.state = State.HALF_OPEN
            yield

    def fail(self, reason: str) -> None:
        """No answer. Those who had asked before it opened say nothing new."""
        if self.state is State.OPEN:
            return
        if self.state is State.CLOSED:
            self.opened += 1
            self.since = time.monotonic()
            log.warning("waiting: %s", reason)
        self.state = State.OPEN
        self.failures += 1
        self.reason = reason

    def succeed(self) -> None:
        """It has answered."""
        if self.state is not State.HALF_OPEN:
            return
        log.warning("%s is back after %d attempts", self.dependency, self.failures + 1)
        self.state, self.failures, self.reason = State.CLOSED, 0, ""
        self.since = time.monotonic()


class Breakers:
    """One for each dependency, shared by everything in the process."""

    def __init__(self, backoff: Backoff = Backoff()) -> None:
        self._all = {dependency: Breaker(dependency, backoff) for dependency in Dependency}

    def __getitem__(self, dependency: Dependency) -> Breaker:
        return self._all[dependency]

    def __iter__(self) -> Iterator[Breaker]:
        return iter(self._all.values())

    @property
    def all_closed(self) -> bool:
        """Whether every dependency answers, as far as we know."""
        return all(breaker.is_closed for breaker in self)
