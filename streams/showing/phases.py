"""Progress of the demo's phases: bars on a terminal, plain lines elsewhere; and how long each took."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Column

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

    from streams.runtime.status import WorkerStatus

LINE_SECONDS = 10.0


class Phases:
    """Runs phases one after another; `seconds` holds what they took, in order."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self.seconds: dict[str, float] = {}

    @contextmanager
    def phase(self, name: str, total: int | None = None, done: str = "done") -> Iterator[Teller]:
        """One phase; nothing is said of its end when it fails."""
        began = time.monotonic()
        with Progress(
            SpinnerColumn(),
            TextColumn("{task.description:31}", table_column=Column(no_wrap=True)),
            BarColumn(bar_width=20),
            TextColumn("{task.percentage:>3.0f} %", table_column=Column(no_wrap=True)),
            TimeElapsedColumn(),
            TextColumn(
                "{task.fields[said]}", table_column=Column(no_wrap=True, overflow="ellipsis", ratio=1)
            ),
            console=self._console,
            expand=True,
            disable=not self._console.is_terminal,
        ) as progress:
            teller = Teller(self._console, progress, name, total)
            yield teller
            teller.finish(done)
        self.seconds[name] = time.monotonic() - began

    def split(self, name: str, parts: dict[str, float]) -> None:
        """Replace one phase's time by those of its parts."""
        self.seconds.pop(name, None)
        self.seconds |= parts


class Teller:
    """What a phase says while it goes on."""

    def __init__(self, console: Console, progress: Progress, name: str, total: int | None) -> None:
        self._console = console
        self._progress = progress
        self._name = name
        self._said = ""
        self._task = progress.add_task(name, total=total, said="")
        self._began = time.monotonic()
        self._next = self._began + LINE_SECONDS

    def at(self, done: int, said: str = "", total: int | None = None) -> None:
        """So much is done by now."""
        self._said = said
        if not self._progress.disable:
            self._progress.update(self._task, completed=done, said=said, total=total)
        elif time.monotonic() >= self._next:
            self._next = time.monotonic() + LINE_SECONDS
            count = f"{done:,} of {total:,}, " if total else ""
            self._console.print(f"{self._name} … {count}{said}", highlight=False, soft_wrap=True)

    def finish(self, done: str) -> None:
        """Complete the bar, or print the one line of this phase."""
        if self._progress.disable:
            spent = time.monotonic() - self._began
            self._console.print(
                f"{self._name}: {self._said or done} ({spent:.1f} s)", highlight=False, soft_wrap=True
            )
            return
        task = self._progress.tasks[0]
        self._progress.update(self._task, total=task.total or 1, completed=task.total or 1)


def worker_line(status: WorkerStatus) -> str:
    """One line on a worker: what it has done and how fast."""
    seconds = status.consumed_seconds or time.monotonic() - status.started
    rate = status.documents / seconds if seconds else 0.0
    return f"{rate:.0f} documents/s, {status.panes_closed:,} windows, {status.alerts_opened} alerts"


@dataclass(slots=True)
class WorkerClock:
    """How long the parts of a draining worker took."""

    teller: Teller
    began: float = field(default_factory=time.monotonic)
    first: float | None = None

    def watch(self, status: WorkerStatus) -> None:
        """Show the status; the first one comes when reading begins."""
        self.first = self.first or time.monotonic()
        self.teller.at(status.records, worker_line(status), status.total)

    def parts(self, status: WorkerStatus) -> dict[str, float]:
        """Seconds by part; they add up to the time since the start."""
        first = self.first or time.monotonic()
        rest = time.monotonic() - first - status.consumed_seconds
        return {
            "start the worker": first - self.began,
            "read, classify and store": status.consumed_seconds,
            "close the last windows": max(0.0, rest),
        }
