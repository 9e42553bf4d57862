"""A first run against the same replayed with its scores at hand, and detection alone over a year of mentions.

Both runs read the same records of one topic of their own, one after the other, through the same code: what differs is
whether the scores are there. The year is made up in the database: 100 companies on a calm day profile.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any

from streams.adapters.kafka.admin import KafkaAdmin
from streams.adapters.kafka.history import HistoryReader, spans_between
from streams.adapters.kafka.producer import KafkaProducer
from streams.adapters.postgres.closing import PostgresClosingStore
from streams.adapters.postgres.connection import Database
from streams.adapters.postgres.invented import ENTITIES, invent_mentions
from streams.adapters.postgres.results import fingerprint
from streams.adapters.postgres.runs import Run, drop_run, ensure_run
from streams.benchmarks.texts import posts
from streams.bootstrap import Variant, open_service
from streams.domain.detector import Thresholds
from streams.domain.document import SourceClass
from streams.replay.rehearsal import Rehearsal
from streams.replay.session import Replay
from streams.replay.whatif import shaping
from streams.wire.topics import SOCIAL

if TYPE_CHECKING:
    from collections.abc import Callable

    from streams.settings import Settings
    from streams.wire.topics import Topic

YEAR = datetime(2025, 1, 6, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Plan:
    """How much to measure."""

    texts: int = 2_000
    days: int = 365
    mentions_a_day: int = 2_000


async def measure(settings: Settings, plan: Plan, tell: Callable[[str], None]) -> dict[str, Any]:
    """All figures of `bench replay`."""
    nonce = f"{time.time_ns():x}"
    topic = replace(SOCIAL, name=f"bench.{nonce}.v1")
    async with KafkaAdmin.connect(settings.kafka) as admin:
        await admin.create([topic])
    database = Database(settings.postgres.address, 2)
    await database.open()
    runs = [f"bench-{nonce}-{name}" for name in ("first", "cached", "year", "judged")]
    try:
        async with KafkaProducer.connect(settings.kafka) as producer:
            records = [post.record(topic.name, nonce) for post in islice(posts(nonce), plan.texts)]
            await producer.publish(records)
        tell("first run")
        first = await replayed(settings, topic, runs[0])
        tell("with the scores at hand")
        cached = await replayed(settings, topic, runs[1])
        digests = [(await fingerprint(database, run)).digest for run in runs[:2]]
        tell(f"detection alone, {plan.days} days of {ENTITIES} companies")
        return {
            "documents": plan.texts,
            "first_documents_per_second": round(plan.texts / first, 1),
            "cached_documents_per_second": round(plan.texts / cached, 1),
            "cached_over_first": round(first / cached, 2),
            "fingerprints_equal": digests[0] == digests[1],
            **await judged(database, settings, plan, runs[2], runs[3]),
        }
    finally:
        for run in reversed(runs):
            if await exists(database, run):
                await drop_run(database, run)
        await database.close()
        async with KafkaAdmin.connect(settings.kafka) as admin:
            await admin.delete([topic])


async def replayed(settings: Settings, topic: Topic, run: str) -> float:
    """Seconds from the first record read to the last window closed."""
    inputs = {topic.name: SourceClass.SOCIAL}
    apart = settings.model_copy(update={"run": run})
    variant = Variant(kind="replay", notify=False, inputs=inputs, publishes=False)
    async with open_service(apart, variant) as service, HistoryReader.connect(settings.kafka) as reader:
        spans = await spans_between(settings.kafka, [topic.name], None, None)
        await service.store.register(
            {source: (SourceClass.SOCIAL, span.beginning) for source, span in spans.items()}
        )
        began = time.perf_counter()
        await Replay(service, reader).run(spans)
        return time.perf_counter() - began


async def judged(database: Database, settings: Settings, plan: Plan, base: str, run: str) -> dict[str, Any]:
    """Detection over invented mentions; what it costs to make them is not counted."""
    until = YEAR + timedelta(days=plan.days)
    async with database.transaction() as connection:
        rows = await ensure_run(
            connection, base, kind="replay", notify=False, settings=shaping(settings), gazetteer=""
        )
        made = await ensure_run(
            connection, run, kind="replay", notify=False, settings=shaping(settings), gazetteer=""
        )
        mentions = await invent_mentions(connection, rows, YEAR, plan.days, plan.mentions_a_day)
        await connection.execute(
            "UPDATE core.run SET closed_until = %s WHERE run_id = %s", (YEAR, made.run_id)
        )
    judging = Run(made.run_id, run, notify=False, kind="replay", base_run_id=rows.run_id)
    rehearsal = Rehearsal(
        PostgresClosingStore(database, judging, settings), Thresholds(**settings.detector.model_dump()), until
    )
    began = time.perf_counter()
    await rehearsal.run()
    return {
        "detect_only_days": plan.days,
        "detect_only_companies": ENTITIES,
        "detect_only_mentions": mentions,
        "detect_only_panes": rehearsal.panes,
        "detect_only_alerts": rehearsal.opened,
        "detect_only_seconds": round(time.perf_counter() - began, 2),
    }


async def exists(database: Database, run: str) -> bool:
    """Whether a run was made."""
    async with database.transaction() as connection:
        cursor = await connection.execute("SELECT 1 FROM core.run WHERE name = %s", (run,))
        return await cursor.fetchone() is not None
