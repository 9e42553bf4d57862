"""Publishing on a driver that confirms when told: who waits for what."""

from __future__ import annotations

import asyncio

import pytest
from aiokafka.errors import KafkaTimeoutError
from aiokafka.structs import RecordMetadata

from streams.adapters.kafka.producer import KafkaProducer
from streams.errors import Unavailable
from streams.wire.outgoing import Outgoing

WRITTEN = RecordMetadata("t", 0, None, 7, None, 0, 0)


class Driver:
    """As much of aiokafka's producer as is used."""

    def __init__(self) -> None:
        self.sent: dict[bytes, asyncio.Future[object]] = {}

    async def send(self, topic: str, value: bytes, **_: object) -> asyncio.Future[object]:
        self.sent[value] = asyncio.get_running_loop().create_future()
        return self.sent[value]


def outgoing(*values: bytes) -> list[Outgoing]:
    return [Outgoing("alerts.v1", value) for value in values]


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_each_publisher_waits_for_its_own_and_hears_of_its_own_failures():
    driver = Driver()
    producer = KafkaProducer(driver, "kafka")  # type: ignore[arg-type]
    outbox = asyncio.ensure_future(producer.publish(outgoing(b"alert")))
    heartbeats = asyncio.ensure_future(producer.publish(outgoing(b"beat")))
    await settle()
    driver.sent[b"beat"].set_result(WRITTEN)
    await settle()
    assert (heartbeats.done(), outbox.done()) == (True, False)
    driver.sent[b"alert"].set_exception(KafkaTimeoutError())
    with pytest.raises(Unavailable):
        await outbox
    assert await heartbeats == 1


async def test_only_so_many_are_unconfirmed_at_once():
    driver = Driver()
    producer = KafkaProducer(driver, "kafka", in_flight=2)  # type: ignore[arg-type]
    publishing = asyncio.ensure_future(producer.publish(outgoing(b"1", b"2", b"3")))
    await settle()
    assert list(driver.sent) == [b"1", b"2"]
    for _ in range(3):
        for future in driver.sent.values():
            if not future.done():
                future.set_result(WRITTEN)
        await settle()
    assert await publishing == 3
