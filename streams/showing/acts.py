"""What the demo does to Kafka and Postgres, each in one connection."""

from __future__ import annotations

from typing import TYPE_CHECKING

from streams.adapters.kafka.admin import KafkaAdmin, offset_spans
from streams.adapters.kafka.producer import KafkaProducer
from streams.adapters.postgres.connection import Database
from streams.adapters.postgres.showcase import Showcase
from streams.bootstrap import open_service
from streams.errors import Misconfigured
from streams.runtime.slots import instance_slot
from streams.runtime.worker import Worker
from streams.showing.charts import AFTER, BEFORE
from streams.wire.outgoing import Outgoing
from streams.wire.topics import INPUT_TOPICS, TOPICS

if TYPE_CHECKING:
    from collections.abc import Callable

    from streams.runtime.status import WorkerStatus
    from streams.scenario.shapes import Scenario
    from streams.settings import Settings
    from streams.showing.found import Found, HourlyNegatives
    from streams.showing.phases import WorkerClock

CHARTS = 3


async def make_topics(settings: Settings, *, given: bool) -> None:
    async with KafkaAdmin.connect(settings.kafka) as admin:
        await admin.create(TOPICS)
    if given:  # not ours to empty
        spans = await offset_spans(settings.kafka, [topic.name for topic in INPUT_TOPICS])
        if any(span.end for span in spans.values()):
            raise Misconfigured(
                "the broker of SENTIWATCH_KAFKA__BOOTSTRAP has records in news.raw.v1 or social.raw.v1; "
                "the demo needs topics of its own: unset the variable"
            )


async def publish(scenario: Scenario, settings: Settings, tell: Callable[[int, str, int], None]) -> None:
    count = len(scenario.records)
    async with KafkaProducer.connect(settings.kafka) as producer:
        for done, record in enumerate(scenario.records, 1):
            await producer.send(
                Outgoing(record.topic, record.value, key=record.key, timestamp_ms=record.timestamp_ms)
            )
            if done % 100 == 0 or done == count:
                tell(done, f"{done:,} records", count)


async def work(settings: Settings, clock: WorkerClock | None, *, drain: bool) -> WorkerStatus:
    async with open_service(settings) as service:
        with instance_slot(settings.kafka.group, settings.kafka.bootstrap) as slot:
            instance_id = settings.kafka.instance_id or slot
            return await Worker(service, instance_id, clock.watch if clock else None).run(drain=drain)


async def read(settings: Settings, scenario: Scenario) -> tuple[Found, list[HourlyNegatives]]:
    database = Database(settings.postgres.address, 2)
    await database.open()
    try:
        showcase = Showcase(database, settings.run)
        planted = [(planted.entity or "MARKET", planted.documents) for planted in scenario.planted]
        found = await showcase.found(planted)
        loudest = sorted(found.alerts, key=lambda alert: alert.p_value)[:CHARTS]
        return found, [await showcase.hourly_negatives(alert, BEFORE, AFTER) for alert in loudest]
    finally:
        await database.close()
