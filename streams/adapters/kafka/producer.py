"""Publishing to Kafka: compressed, idempotent, confirmed by all replicas, and only so many in flight."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import asynccontextmanager
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from aiokafka import AIOKafkaProducer

from streams.adapters.kafka.connecting import connected, where
from streams.adapters.kafka.security import connection
from streams.adapters.kafka.translation import kafka_errors
from streams.wire.topics import MAX_MESSAGE_BYTES

if TYPE_CHECKING:
    from asyncio import Future
    from collections.abc import AsyncIterator, Iterable, Sequence

    from streams.settings import KafkaSettings
    from streams.wire.outgoing import Outgoing

IN_FLIGHT: Final = 5_000
"""Unconfirmed records: about 2.5 MB of ordinary posts, several round trips' worth."""

BATCH_BYTES: Final = 256 * 1024
LINGER_MS: Final = 20
DELIVERY_MS: Final = 30_000


class KafkaProducer:
    """A bounded pipe to the broker: `send` many, then `flush`; or `publish`, which does both.

    Records of one key keep their order. A record counts as published only once `flush` or `publish` has
    returned.
    """

    def __init__(self, producer: AIOKafkaProducer, place: str, in_flight: int = IN_FLIGHT) -> None:
        self._producer = producer
        self._place = place
        self._in_flight = in_flight
        self._waiting: deque[Future[object]] = deque()
        self.confirmed = 0

    @classmethod
    @asynccontextmanager
    async def connect(
        cls, settings: KafkaSettings, in_flight: int = IN_FLIGHT
    ) -> AsyncIterator[KafkaProducer]:
        """A started producer; whatever is still unconfirmed at the end is delivered or reported.

        Raises:
            Unavailable: the broker cannot be reached.
            Misconfigured: the broker refuses us.
        """
        arguments = connection(settings)

        def make() -> AIOKafkaProducer:
            return AIOKafkaProducer(
                **arguments,
                acks="all",
                enable_idempotence=True,
                compression_type="lz4",
                linger_ms=LINGER_MS,
                max_batch_size=BATCH_BYTES,
                max_request_size=MAX_MESSAGE_BYTES,
                request_timeout_ms=DELIVERY_MS,
            )

        async with connected(make, AIOKafkaProducer.stop, settings) as driver:
            producer = cls(driver, where(settings), in_flight)
            yield producer
            await producer.flush()

    async def send(self, record: Outgoing) -> None:
        """Hand one record over; waits while too many are unconfirmed.

        Raises:
            Unavailable: this or an earlier record could not be delivered.
            Misconfigured: the topic does not exist or may not be written.
            Poisonous: the record is larger than the broker takes.
        """
        self._waiting.append(await self._hand_over(record))
        if len(self._waiting) > self._in_flight:
            await self._confirm(self._in_flight // 2)

    async def _hand_over(self, record: Outgoing) -> Future[object]:
        with kafka_errors(f"{self._place}: {record.topic}"):
            future: Future[object] = await self._producer.send(
                record.topic,
                record.value,
                key=record.key,
                timestamp_ms=record.timestamp_ms,
                headers=list(record.headers),
                partition=record.partition,
            )
        return future

    async def publish(self, records: Iterable[Outgoing]) -> int:
        """Send all and return how many, once every one is confirmed.

        Several may publish at once: each waits for its own records and hears of its own failures.
        """
        count = 0
        waiting = iter(records)
        while part := list(islice(waiting, self._in_flight)):
            count += len(await self.publish_placed(part))
        return count

    async def publish_placed(self, records: Sequence[Outgoing]) -> list[int]:
        """Send a few records and return the offset of each, once every one is confirmed; raises as `publish` does."""
        sent = [await self._hand_over(record) for record in records]
        answers: list[Any] = await asyncio.gather(*sent, return_exceptions=True)
        with kafka_errors(self._place):
            for answer in answers:
                if isinstance(answer, BaseException):
                    raise answer
        self.confirmed += len(answers)
        return [answer.offset for answer in answers]

    async def flush(self) -> None:
        """Return once every record sent so far is confirmed; raises as `send` does."""
        await self._confirm(0)

    async def _confirm(self, left: int) -> None:
        with kafka_errors(self._place):
            while len(self._waiting) > left:
                await self._waiting.popleft()
                self.confirmed += 1
