"""Progress of a worker: a bar on a terminal, log lines elsewhere."""

from __future__ import annotations

import logging
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeRemainingColumn,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from streams.runtime.status import WorkerStatus

log = logging.getLogger("streams.worker")
LOG_EVERY_SECONDS = 10.0


@contextmanager
def watching(*, drain: bool) -> Iterator[Callable[[WorkerStatus], None]]:
    """Something to hand each new status to."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield log_lines()
        return
    with Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[rate]:.0f} documents/s"),
        console=console,
        transient=False,
    ) as progress:
        task = progress.add_task("starting", total=None, rate=0.0)

        def show(status: WorkerStatus) -> None:
            seconds = status.consumed_seconds or time.monotonic() - status.started
            progress.update(
                task,
                description=f"{status.phase} ({status.alerts_opened} alerts){up_to(status)}",
                total=status.total if drain else None,
                completed=status.records,
                rate=status.documents / seconds if seconds else 0.0,
            )

        yield show


def up_to(status: WorkerStatus) -> str:
    """How far a replay is in event time."""
    return f", up to {status.reached:%Y-%m-%d %H:%M}" if status.reached is not None else ""


def time_left(status: WorkerStatus) -> str:
    """Documents a second so far, and how long the rest will take at that rate; of a replay only."""
    seconds = status.consumed_seconds or status.age
    if status.reached is None or not status.records or not seconds:
        return ""
    left = (status.total - status.records) * seconds / status.records
    return f", {status.documents / seconds:.0f} documents/s, {left:.0f} s left"


def log_lines() -> Callable[[WorkerStatus], None]:
    """One line now and then, and one at each change of phase."""
    last = ("", 0.0)

    def show(status: WorkerStatus) -> None:
        nonlocal last
        now = time.monotonic()
        if status.phase == last[0] and now - last[1] < LOG_EVERY_SECONDS:
            return
        last = (status.phase, now)
        log.info(
            "%s: %d of %d records, %d documents, %d dead letters, %d panes closed, %d alerts%s%s",
            status.phase, status.records, status.total, status.documents, status.dead_letters, status.panes_closed,
            status.alerts_opened, up_to(status), time_left(status),
        )  # fmt: skip

    if not sys.stderr.isatty():
        log.setLevel(logging.INFO)
    return show
