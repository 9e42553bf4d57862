"""Compressing producers: what a batch may unpack to is bounded by the broker, and what it lets through is one dead letter."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import MessageSizeTooLargeError

from streams.adapters.kafka.admin import KafkaAdmin
from streams.domain.document import RawRecord, SourceClass, SourcePartition
from streams.domain.outcome import Reason, Reject
from streams.settings import KafkaSettings
from streams.stages.read_record import read_record
from streams.wire.limits import InputLimits
from streams.wire.topics import NEWS

pytestmark = pytest.mark.integration

MEGABYTE = 2**20
LARGE = 512 * MEGABYTE


@pytest.fixture
async def topic(kafka_bootstrap):
    made = replace(NEWS, name=f"test-{uuid.uuid4().hex[:12]}", partitions=1)
    async with KafkaAdmin.connect(KafkaSettings(bootstrap=kafka_bootstrap)) as admin:
        await admin.create([made])
    return made.name


async def send(bootstrap, topic, value, kind):
    """As a producer that knows no limits would."""
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap, compression_type=kind, max_request_size=LARGE, max_batch_size=LARGE
    )
    await producer.start()
    try:
        await producer.send_and_wait(topic, value)
    finally:
        await producer.stop()


@pytest.mark.parametrize("kind", ["gzip", "zstd", "lz4"])
async def test_a_batch_that_unpacks_to_hundreds_of_megabytes_is_refused_at_the_broker(
    kafka_bootstrap, topic, kind
):
    with pytest.raises(MessageSizeTooLargeError):
        await send(kafka_bootstrap, topic, b"0" * (128 * MEGABYTE), kind)


async def test_a_bomb_below_the_limit_arrives_and_is_one_reject(kafka_bootstrap, topic):
    await send(kafka_bootstrap, topic, b"0" * (32 * MEGABYTE), "gzip")
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=kafka_bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    try:
        arrived = await anext(consumer)
    finally:
        await consumer.stop()
    record = RawRecord(SourcePartition(topic, 0), 0, datetime.now(UTC), None, arrived.value)
    outcome = read_record(record, SourceClass.NEWS, InputLimits())
    assert isinstance(outcome, Reject)
    assert outcome.reason is Reason.RECORD_TOO_LARGE
