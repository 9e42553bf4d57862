import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import orjson
import pytest
from aiokafka import AIOKafkaConsumer

from streams.adapters.kafka.admin import KafkaAdmin, beginning_offsets, config_differences, end_offsets
from streams.adapters.kafka.producer import KafkaProducer
from streams.domain.document import RawRecord, SourceClass, SourcePartition
from streams.domain.outcome import Keep
from streams.errors import Misconfigured, Poisonous
from streams.ingest.mapping import parse_mapping
from streams.ingest.ordering import Sorter
from streams.ingest.preparing import Preparation, prepare_files
from streams.ingest.publishing import publish_sorted
from streams.settings import KafkaSettings
from streams.stages.read_record import read_record
from streams.wire.limits import InputLimits
from streams.wire.outgoing import Outgoing
from streams.wire.times import format_time, from_milliseconds
from streams.wire.topics import NEWS, TOPICS

pytestmark = pytest.mark.integration

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


@pytest.fixture
def settings(kafka_bootstrap):
    return KafkaSettings(bootstrap=kafka_bootstrap, partitions=3)


def new_topic(**changes):
    return replace(NEWS, name=f"test-{uuid.uuid4().hex[:12]}", **changes)


@pytest.fixture
async def topic(settings):
    made = new_topic()
    async with KafkaAdmin.connect(settings) as admin:
        await admin.create([made])
    return made


async def consume(settings, name, count):
    consumer = AIOKafkaConsumer(name, bootstrap_servers=settings.bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    try:
        return [await anext(consumer) for _ in range(count)]
    finally:
        await consumer.stop()


async def test_topics_are_created_once_with_the_configuration_of_the_table(settings):
    topics = [replace(each, name=f"{each.name}-{uuid.uuid4().hex[:8]}") for each in TOPICS]
    async with KafkaAdmin.connect(settings) as admin:
        assert await admin.create(topics) == [each.name for each in topics]
        assert await admin.create(topics) == []
        found = await admin.describe(topics)
    assert {name: state.partitions for name, state in found.items()} == {
        each.name: each.partition_count(settings) for each in topics
    }
    assert all(config_differences(each, found[each.name]) == {} for each in topics)
    assert all(set(each.config) <= set(found[each.name].config) for each in topics)


async def test_another_number_of_partitions_is_refused_and_nothing_is_made(settings, topic):
    other = new_topic()
    async with KafkaAdmin.connect(settings.model_copy(update={"partitions": 5})) as admin:
        with pytest.raises(Misconfigured, match="has 3 partitions, expected 5"):
            await admin.create([topic, other])
        assert other.name not in await admin.describe([other])


async def test_what_the_broker_refuses_is_told_in_its_words(settings):
    async with KafkaAdmin.connect(settings.model_copy(update={"replication": 7})) as admin:
        with pytest.raises(Misconfigured, match=r"(?i)replication factor"):
            await admin.create([new_topic()])


async def test_records_arrive_with_key_value_headers_and_their_own_time(settings, topic):
    stamp = 1388531408123
    async with KafkaProducer.connect(settings) as producer:
        record = Outgoing(topic.name, b"value", b"key", stamp, (("ce_id", b"1"),))
        assert await producer.publish([record]) == 1
        assert producer.confirmed == 1
    (got,) = await consume(settings, topic.name, 1)
    assert (got.key, got.value, got.timestamp) == (b"key", b"value", stamp)
    assert list(got.headers) == [("ce_id", b"1")]


async def test_times_far_ahead_of_the_brokers_clock_are_taken(settings, topic):
    async with KafkaProducer.connect(settings) as producer:
        assert await producer.publish([Outgoing(topic.name, b"v", b"k", 4_000_000_000_000)]) == 1


async def test_backpressure_loses_nothing_and_keeps_the_order_of_a_key(settings, topic):
    values = [b"%d" % number for number in range(2_000)]
    async with KafkaProducer.connect(settings, in_flight=64) as producer:
        for value in values:
            await producer.send(Outgoing(topic.name, value, b"one key"))
        await producer.flush()
        assert producer.confirmed == len(values)
    assert [got.value for got in await consume(settings, topic.name, len(values))] == values


async def test_whatever_was_sent_is_delivered_on_leaving(settings, topic):
    async with KafkaProducer.connect(settings) as producer:
        await producer.send(Outgoing(topic.name, b"v", b"k"))
    assert sum((await end_offsets(settings, [topic.name])).values()) == 1


async def test_a_record_beyond_the_limit_is_poisonous_and_the_next_one_passes(settings, topic):
    async with KafkaProducer.connect(settings) as producer:
        with pytest.raises(Poisonous):
            await producer.publish([Outgoing(topic.name, b"x" * (5 * 1024 * 1024), b"k")])
        assert await producer.publish([Outgoing(topic.name, b"y" * 1_500_000, b"k")]) == 1


async def test_offsets_span_what_was_published(settings, topic):
    async with KafkaProducer.connect(settings) as producer:
        await producer.publish(Outgoing(topic.name, b"v", b"%d" % number) for number in range(30))
    ends = await end_offsets(settings, [topic.name])
    assert sorted(ends) == [SourcePartition(topic.name, number) for number in range(3)]
    assert sum(ends.values()) == 30
    assert set((await beginning_offsets(settings, [topic.name])).values()) == {0}


async def test_offsets_of_an_unknown_topic_are_refused_with_the_remedy(settings):
    with pytest.raises(Misconfigured, match=r"no topic nowhere-v9 .*topics create"):
        await end_offsets(settings, ["nowhere-v9"])


async def test_ingested_files_arrive_merged_stamped_and_valid(settings, tmp_path):
    one = new_topic(partitions=1)
    async with KafkaAdmin.connect(settings) as admin:
        await admin.create([one])
    for part in range(2):
        rows = [
            {"nr": number, "when": format_time(NOON + timedelta(minutes=number)), "head": f"Title {number}"}
            for number in reversed(range(part, 40, 2))
        ]
        (tmp_path / f"{part}.jsonl").write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))
    preparation = Preparation(
        parse_mapping("id=nr,title=head,event_time=when"), SourceClass.NEWS, InputLimits()
    )
    with Sorter.open() as sorter:
        bad = prepare_files([tmp_path / "0.jsonl", tmp_path / "1.jsonl"], preparation, sorter)
        assert await publish_sorted(sorter.records(), one.name, settings, rate=200) == 40
    assert bad.count == 0
    got = await consume(settings, one.name, 40)
    assert [record.key for record in got] == [b"%d" % number for number in range(40)]
    for record in got:
        place = SourcePartition(record.topic, record.partition)
        raw = RawRecord(place, record.offset, from_milliseconds(record.timestamp), record.key, record.value)
        outcome = read_record(raw, SourceClass.NEWS, InputLimits())
        assert isinstance(outcome, Keep)
        assert outcome.value.event_time == raw.timestamp
