"""How a worker ends: by itself, when told, or at once with one line that says why."""

from __future__ import annotations

import asyncio
import signal
import time
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from aiokafka import AIOKafkaProducer

from streams.wire.outgoing import Outgoing
from tests.builders import NOON, minutes, payload
from tests.service import deployed, wait_until

if TYPE_CHECKING:
    from tests.service import Deployment

pytestmark = [pytest.mark.e2e, pytest.mark.integration, pytest.mark.slow]

RUN = "drained"
NEWS_TOPIC, SOCIAL_TOPIC = "news.raw.v1", "social.raw.v1"


@pytest.fixture
def fresh(deployment: Deployment) -> Deployment:
    deployment.add_run(RUN)
    return deployment


def stamp(number: float) -> int:
    return round((NOON + minutes(number) + timedelta(seconds=5)).timestamp() * 1000)


def documents(first: int, count: int, topic: str = NEWS_TOPIC) -> list[Outgoing]:
    """Documents a minute apart; their names tell topic and number."""
    return [
        Outgoing(
            topic, payload(n, id=f"{topic}-{n}", source="wire"), key=f"{n}".encode(), timestamp_ms=stamp(n)
        )
        for n in range(first, first + count)
    ]


def count(deployment: Deployment, table: str) -> int:
    query = f"SELECT count(*) FROM core.{table} WHERE run_id = %(run)s"  # noqa: S608 - a name of ours
    return deployment.rows(query, RUN)[0][0]


def test_a_drain_of_empty_topics_ends_by_itself(fresh: Deployment):
    figures = fresh.drain(RUN)
    assert (figures["records"], figures["documents"]) == (0, 0)


def test_a_drain_stores_everything_and_closes_every_window(fresh: Deployment):
    fresh.publish([*documents(0, 30), *documents(0, 30, SOCIAL_TOPIC)])
    figures = fresh.drain(RUN)
    assert (figures["records"], figures["documents"], figures["dead_letters"]) == (60, 60, 0)
    assert count(fresh, "document") == 60
    assert count(fresh, "dirty_window") == 0
    open_stories = fresh.rows(
        "SELECT count(*) FROM core.document WHERE run_id = %(run)s AND story_id IS NULL", RUN
    )
    assert open_stories == [(0,)]
    assert fresh.drain(RUN)["records"] == 0


def test_a_drain_ends_where_all_that_came_last_is_rejected(fresh: Deployment):
    broken = [Outgoing(NEWS_TOPIC, b"<rss>", partition=n % 4, timestamp_ms=stamp(40)) for n in range(20)]
    fresh.publish([*documents(0, 5), *broken])
    figures = fresh.drain(RUN)
    assert (figures["records"], figures["documents"], figures["dead_letters"]) == (25, 5, 20)
    assert fresh.stored(RUN) == 25


def test_a_drain_ends_although_a_transaction_marker_is_the_last_record(fresh: Deployment):
    async def publish_in_transaction() -> None:
        producer = AIOKafkaProducer(
            bootstrap_servers=fresh.kafka.bootstrap, transactional_id=f"tx-{fresh.kafka.group}"
        )
        await producer.start()
        try:
            async with producer.transaction():
                for record in documents(0, 8):
                    await producer.send_and_wait(
                        record.topic, record.value, key=record.key, timestamp_ms=record.timestamp_ms
                    )
        finally:
            await producer.stop()

    asyncio.run(publish_in_transaction())
    figures = fresh.drain(RUN)
    assert figures["documents"] == 8
    fresh.publish(documents(8, 4))
    assert fresh.drain(RUN)["documents"] == 4


def test_two_workers_drain_together_and_store_everything_once(fresh: Deployment):
    fresh.publish([*documents(0, 300), *documents(0, 300, SOCIAL_TOPIC)])
    workers = [fresh.start(RUN, "--drain", "--json") for _ in range(2)]
    for worker in workers:
        code, _, err = fresh.finish(worker)
        assert code == 0, err
    assert count(fresh, "document") == 600
    assert fresh.stored(RUN) == 600


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_worker_that_is_told_to_end_does_so_in_time_with_all_it_acknowledged_stored(
    fresh: Deployment, number: signal.Signals
):
    worker = fresh.start(RUN)
    fresh.publish(documents(0, 200))
    wait_until(lambda: fresh.stored(RUN) > 20, "the first records are stored")
    began = time.monotonic()
    worker.send_signal(number)
    code, _, err = fresh.finish(worker)
    assert code == 0, err
    assert time.monotonic() - began < 30
    assert "Traceback" not in err
    assert "never retrieved" not in err
    assert "was destroyed" not in err
    assert committed(fresh) <= fresh.stored(RUN)


def test_a_drain_tells_kafka_what_others_have_stored_and_not_said(fresh: Deployment):
    fresh.publish(documents(0, 40))
    assert fresh.drain(RUN)["documents"] == 40
    assert committed(fresh) == 40
    code, _, err = fresh.finish(fresh.start(RUN, "--drain", SENTIWATCH_KAFKA__GROUP="knows-nothing-yet"))
    assert code == 0, err
    assert committed(fresh, "knows-nothing-yet") == 40


def committed(deployment: Deployment, group: str = "") -> int:
    """Records that Kafka remembers as acknowledged."""
    from aiokafka.admin import AIOKafkaAdminClient

    async def ask() -> dict:
        client = AIOKafkaAdminClient(bootstrap_servers=deployment.kafka.bootstrap)
        await client.start()
        try:
            return await client.list_consumer_group_offsets(group or f"{deployment.kafka.group}-{RUN}")
        finally:
            await client.close()

    remembered = {(tp.topic, tp.partition): at.offset for tp, at in asyncio.run(ask()).items()}
    return sum(
        remembered[source.topic, source.partition] - start
        for source, start in deployment.starts.items()
        if remembered.get((source.topic, source.partition), -1) >= 0
    )


@pytest.mark.parametrize(
    ("variable", "address", "told"),
    [
        ("SENTIWATCH_POSTGRES__URL", "postgresql://sentiwatch@{}/sentiwatch", "Postgres"),
        ("SENTIWATCH_KAFKA__BOOTSTRAP", "{}", "kafka"),
        ("SENTIWATCH_TRITON__URL", "{}", "Triton"),
    ],
)
def test_an_unreachable_part_is_one_line_and_exit_one(
    fresh: Deployment, unused_tcp_port: int, variable: str, address: str, told: str
):
    changes = {variable: address.format(f"127.0.0.1:{unused_tcp_port}")}
    code, out, err = fresh.finish(fresh.start(RUN, "--drain", **changes))
    assert (code, out) == (1, "")
    assert len(err.strip().splitlines()) == 1, err
    assert told in err


def test_a_worker_at_a_database_that_was_not_migrated_says_so_in_one_line(parts):
    with deployed(parts) as bare:
        from streams.adapters.postgres.migrate import downgrade

        downgrade(bare.url, "base")
        code, _, err = bare.finish(bare.start(RUN, "--drain"))
    assert code == 1
    assert "sentiwatch db upgrade" in err
    assert len(err.strip().splitlines()) == 1
