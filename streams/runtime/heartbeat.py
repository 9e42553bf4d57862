"""Heartbeats: a live feed that falls silent still moves its watermark, because we write records that say so into it.

They go only into partitions of a *live* deployment, one whose newest watermark is near the wall clock. Into a topic that
holds history they would make everything that follows late.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from streams.errors import Dependency
from streams.runtime.patience import patiently
from streams.wire.heartbeat import encode_heartbeat
from streams.wire.outgoing import Outgoing

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from streams.domain.document import Progress, SourcePartition
    from streams.runtime.service import Service

LIVE_WITHIN = timedelta(hours=1)


def silent_partitions(
    progress: Mapping[SourcePartition, Progress], now: datetime, interval: timedelta
) -> list[SourcePartition]:
    """Partitions whose watermark has fallen behind by more than the interval, if the deployment is live at all."""
    newest = max((at.watermark for at in progress.values() if at.watermark is not None), default=None)
    if newest is None or newest < now - LIVE_WITHIN:
        return []
    return sorted(
        source for source, at in progress.items() if at.watermark is None or at.watermark < now - interval
    )


class Heartbeats:
    """Writes a heartbeat into each silent partition, every interval. The wall clock is read here and nowhere downstream."""

    def __init__(self, service: Service, partitions: Sequence[SourcePartition], interval: timedelta) -> None:
        self._service = service
        self._partitions = partitions
        self._interval = interval

    async def run(self) -> None:
        """For ever."""
        while True:
            await asyncio.sleep(self._interval.total_seconds())
            await patiently(self.beat, self._service.breakers, Dependency.KAFKA, Dependency.POSTGRES)

    async def beat(self) -> None:
        """One round; several workers may overlap, which does no harm."""
        now = datetime.now(UTC)
        progress = await self._service.store.progress(self._partitions)
        stamp = round(now.timestamp() * 1000)
        value = encode_heartbeat(now)
        silent = silent_partitions(progress, now, self._interval)
        await self._service.relay.publish(
            [
                Outgoing(source.topic, value, timestamp_ms=stamp, partition=source.partition)
                for source in silent
            ]
        )
