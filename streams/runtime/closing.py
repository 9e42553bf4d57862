"""Stepping the closer until it has caught up, for whoever runs it."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from streams.errors import Dependency
from streams.runtime.patience import patiently

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from streams.domain.document import SourcePartition
    from streams.runtime.service import Service
    from streams.runtime.status import WorkerStatus


async def close_windows(
    service: Service,
    status: WorkerStatus,
    tell: Callable[[], None],
    *,
    end_of_input: bool,
    ends: Mapping[SourcePartition, int] | None = None,
) -> None:
    """Close all that can be closed now; each step is counted in the status and told."""
    while True:
        report = await patiently(
            lambda: service.closer.step(end_of_input=end_of_input, ends=ends),
            service.breakers,
            Dependency.POSTGRES,
        )
        status.panes_closed += report.panes_closed
        status.alerts_opened += report.alerts_opened
        status.closed_until = report.closed_until
        status.closer_stepped = time.monotonic()
        tell()
        if report.caught_up:
            return


async def keep_closing(
    service: Service, status: WorkerStatus, tell: Callable[[], None], seconds: float
) -> None:
    """Close what the watermark lets close, every so many seconds, for ever.

    With `worker.force_idle` also what only idle partitions hold back.
    """
    while True:
        await asyncio.sleep(seconds)
        ends = None
        if service.settings.worker.force_idle:
            ends = await patiently(service.find_ends, service.breakers, Dependency.KAFKA, Dependency.POSTGRES)
        await close_windows(service, status, tell, end_of_input=False, ends=ends)
