"""Sorted records → Kafka, at most so many a second."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final

from streams.adapters.kafka.producer import KafkaProducer
from streams.wire.outgoing import Outgoing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from streams.ingest.ordering import Prepared
    from streams.settings import KafkaSettings

REPORT_EVERY: Final = 500


async def publish_sorted(
    records: Iterable[Prepared],
    topic: str,
    settings: KafkaSettings,
    rate: float | None = None,
    on_published: Callable[[int], None] = lambda _: None,
) -> int:
    """Publishes in the order given and returns how many were confirmed.

    Args:
        records: in the order in which they should appear.
        topic: exists already.
        settings: of the broker.
        rate: records a second, at most; None is as fast as the broker takes them.
        on_published: hears now and then how many were handed over.

    Raises:
        Unavailable: the broker cannot be reached, or went away on the way.
        Misconfigured: the broker refuses us.
    """
    began = time.monotonic()
    count = 0
    async with KafkaProducer.connect(settings) as producer:
        for count, record in enumerate(records, 1):
            if rate is not None:
                await _wait_until(began + (count - 1) / rate)
            await producer.send(Outgoing(topic, record.value, record.key, record.stamp_us // 1000))
            if count % REPORT_EVERY == 0:
                on_published(count)
        await producer.flush()
        on_published(count)
        return producer.confirmed


async def _wait_until(moment: float) -> None:
    """Sleeps in steps of at least 5 ms: shorter ones cost more than they pace."""
    ahead = moment - time.monotonic()
    if ahead > 0.005:
        await asyncio.sleep(ahead)
