"""Stepping the closer until it has caught up, for whoever runs it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from streams.runtime.patience import patiently

if TYPE_CHECKING:
    from collections.abc import Callable

    from streams.runtime.status import WorkerStatus
    from streams.stages.close_windows import Closer


async def close_windows(
    closer: Closer, status: WorkerStatus, tell: Callable[[], None], *, end_of_input: bool
) -> None:
    """Close all that can be closed now; each step is counted in the status and told."""
    while True:
        report = await patiently(lambda: closer.step(end_of_input=end_of_input))
        status.panes_closed += report.panes_closed
        status.alerts_opened += report.alerts_opened
        tell()
        if report.caught_up:
            return


async def keep_closing(
    closer: Closer, status: WorkerStatus, tell: Callable[[], None], seconds: float
) -> None:
    """Close what the watermark lets close, every so many seconds, for ever."""
    while True:
        await asyncio.sleep(seconds)
        await close_windows(closer, status, tell, end_of_input=False)
