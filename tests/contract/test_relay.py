"""What every relay owes the outbox."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from streams.adapters.kafka.admin import KafkaAdmin
from streams.adapters.kafka.producer import KafkaProducer
from streams.adapters.memory.relay import MemoryRelay
from streams.settings import KafkaSettings
from streams.wire.outgoing import Outgoing
from streams.wire.topics import Direction, Topic

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@pytest.fixture(params=["memory", pytest.param("kafka", marks=pytest.mark.integration)])
async def relayed(request: pytest.FixtureRequest) -> AsyncIterator[tuple]:
    """A relay, a topic with one partition to publish to, and a way to read it back."""
    topic = f"relay-{uuid.uuid4().hex[:8]}"
    if request.param == "memory":
        twin = MemoryRelay()

        async def published() -> list[Outgoing]:
            return list(twin.published)

        yield twin, topic, published
        return
    settings = KafkaSettings(bootstrap=request.getfixturevalue("kafka_bootstrap"))
    async with KafkaAdmin.connect(settings) as admin:
        await admin.create([Topic(topic, Direction.OUTPUT, "a test", partitions=1)])
    async with KafkaProducer.connect(settings) as producer:
        yield producer, topic, lambda: read_back(settings, topic)


async def read_back(settings: KafkaSettings, topic: str) -> list[Outgoing]:
    place = TopicPartition(topic, 0)
    consumer = AIOKafkaConsumer(bootstrap_servers=settings.bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    try:
        consumer.assign([place])
        end = (await consumer.end_offsets([place]))[place]
        records = []
        while len(records) < end:
            records.append(await consumer.getone())
    finally:
        await consumer.stop()
    return [Outgoing(r.topic, r.value, r.key, r.timestamp, tuple(r.headers), r.partition) for r in records]


def outgoing(topic: str, number: int) -> Outgoing:
    return Outgoing(topic, f"value {number}".encode(), b"one key", 1_000 + number, (("reason", b"x"),), 0)


async def test_all_records_arrive_as_they_were_in_their_order(relayed):
    relay, topic, published = relayed
    records = [outgoing(topic, number) for number in range(40)]
    assert await relay.publish(iter(records)) == 40
    assert await published() == records


async def test_several_publish_at_once_and_each_counts_its_own(relayed):
    import asyncio

    relay, topic, published = relayed
    counts = await asyncio.gather(*(relay.publish([outgoing(topic, n)] * (n + 1)) for n in range(5)))
    assert counts == [1, 2, 3, 4, 5]
    assert len(await published()) == 15


async def test_nothing_is_published_for_nothing(relayed):
    relay, _, published = relayed
    assert await relay.publish([]) == 0
    assert await published() == []
