"""Liveness is progress: a worker that does not get on ends by itself, with the stacks of all threads, and is started again.

Two things count as not getting on, and neither needs anybody to ask:

- an assigned partition has records that are not stored, every dependency answers (no breaker is open, no topic is halted),
  and for two minutes nothing of it was stored;
- the event loop has not turned for half a minute. A thread sees that. It counts its own rounds rather than seconds, so a
  process that was stopped and continued (a suspended machine) is not taken for a blocked one.
"""

from __future__ import annotations

import asyncio
import faulthandler
import os
import sys
import threading
import time
from typing import TYPE_CHECKING

from streams.errors import Stalled

if TYPE_CHECKING:
    from collections.abc import Callable

    from streams.runtime.status import WorkerStatus

STALLED_SECONDS = 120.0
BLOCKED_SECONDS = 30.0
EXIT_STATUS = 70
"""EX_SOFTWARE: a supervisor starts the worker again."""


def stalled(status: WorkerStatus, limit: float = STALLED_SECONDS) -> str:
    """Why the worker counts as stalled, in one line; empty while it gets on or something known stands in its way."""
    if status.halted or any(one.state != "closed" for one in status.dependencies.values()):
        return ""
    if any(one.seconds < limit for one in status.dependencies.values() if one.opened):
        return ""  # one of them is just back
    for source, at in sorted(status.partitions.items()):
        if at.waits and at.quiet_seconds >= limit:
            return (
                f"{source.topic}-{source.partition} has records up to {at.end}, is stored up to {at.stored}, and has not"
                f" moved for {at.quiet_seconds:.0f} s although every dependency answers"
            )
    return ""


def check_progress(status: WorkerStatus, limit: float = STALLED_SECONDS) -> None:
    """Nothing, while the worker gets on.

    Raises:
        Stalled: see `stalled`; the stacks are on stderr by then.
    """
    if line := stalled(status, limit):
        dump_stacks()
        raise Stalled(line)


def dump_stacks() -> None:
    """Every thread's stack, on stderr."""
    faulthandler.dump_traceback(file=sys.__stderr__ or sys.stderr, all_threads=True)


class LoopWatch:
    """A thread that ends the process when the event loop does not turn."""

    def __init__(
        self, seconds: float = BLOCKED_SECONDS, end: Callable[[int], None] = os._exit, period: float = 1.0
    ) -> None:
        self._rounds = max(1, round(seconds / period))
        self._end = end
        self._period = period
        self._beats = 0
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="loop watch", daemon=True)

    async def run(self) -> None:
        """Beat until cancelled."""
        self._thread.start()
        try:
            while True:
                self._beats += 1
                await asyncio.sleep(self._period)
        finally:
            self._done.set()

    def _watch(self) -> None:
        seen, same = -1, 0
        while not self._done.wait(self._period):
            same = same + 1 if self._beats == seen else 0
            seen = self._beats
            if same >= self._rounds:
                sys.stderr.write(f"the event loop has been blocked for {same * self._period:.0f} s\n")
                dump_stacks()
                self._end(EXIT_STATUS)
                return


class Deadline:
    """Once started, the process ends after so many seconds, whatever hangs; with ``told`` and all stacks on stderr."""

    def __init__(
        self,
        seconds: float,
        told: str = "",
        status: int = EXIT_STATUS,
        end: Callable[[int], None] = os._exit,
    ) -> None:
        self._seconds = seconds
        self._told = told
        self._status = status
        self._end = end
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """From now on; a second call changes nothing."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._wait, name="deadline", daemon=True)
            self._thread.start()

    def _wait(self) -> None:
        time.sleep(self._seconds)
        if self._told:
            sys.stderr.write(f"{self._told}\n")
            dump_stacks()
        sys.stdout.flush()
        self._end(self._status)
