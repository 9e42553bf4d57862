"""What closing costs a document beside how much is stored: the curve must stay flat.

History is made in SQL (28 days, closed), then an hour of new documents is closed pane by pane by a closer that knows nothing
yet, as a worker that has just started. Only the amount of history differs; the new hour is the same.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from streams.adapters.postgres.closing import PostgresClosingStore
from streams.adapters.postgres.connection import Database
from streams.adapters.postgres.runs import drop_run, ensure_run
from streams.benchmarks.workplace import resident_mb
from streams.domain.window import HOUR, PANE
from streams.stages.close_windows import Closer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from streams.adapters.postgres.runs import Run
    from streams.settings import Settings

NOW = datetime(2026, 3, 30, 12, tzinfo=UTC)
HISTORY = timedelta(days=28)
NEW_DOCUMENTS = 1_200
LATENESS = timedelta(minutes=10)
# One document in seven names no company; 500 companies; two in eleven are negative; every story has one document.
DOCUMENTS = """
    CREATE TEMP TABLE made ON COMMIT DROP AS
    SELECT %(low)s::timestamptz + (i - 0.5) * (%(high)s::timestamptz - %(low)s::timestamptz) / %(count)s AS event_time,
           md5(%(high)s::text || i)::uuid AS document_id, i,
           CASE WHEN i %% 7 = 0 THEN 0 ELSE 1 END AS companies, 'us.b' || i * 7919 %% 500 AS entity,
           CASE WHEN i %% 11 < 2 THEN 'negative' ELSE 'neutral' END AS sentiment
    FROM generate_series(1, %(count)s) AS i;
"""
ROWS = (
    """
    INSERT INTO core.document (run_id, event_time, document_id, source, source_id, source_class, revision, source_time,
        content_hash, deleted, title, content, text_hash, language, url, publisher, source_key, topic, topic_confidence,
        companies, signature, story_id, known_wm, known_pane, known_at, ingest_time, kafka_topic, kafka_partition,
        kafka_offset, sentiment_version, topic_version)
    SELECT %(run)s, event_time, document_id, 'bench', i::text, 'news', 0, event_time, '', false, 'headline', '', '', 'en', '',
           'bench', 'publisher:' || i %% 40, 'earnings', 0.9, companies, decode(repeat(md5(document_id::text), 16), 'hex'),
           CASE WHEN %(closed)s THEN document_id END, event_time - interval '1 second',
           date_bin('5 minutes', event_time, 'epoch') + interval '5 minutes', event_time, event_time, 'bench', 0, i, '1', '1'
    FROM made
    """,
    """
    INSERT INTO core.mention (run_id, event_time, document_id, entity_id, source_class, topic, target, relevance, in_title,
        method, source_key, companies, p_neg, p_neu, p_pos, sentiment_class, confidence, story_id, known_wm, known_pane,
        known_at, model_version)
    SELECT %(run)s, event_time, document_id, e, 'news', 'earnings', '', 100, true, 'name', 'publisher:' || i %% 40, companies,
           0.3, 0.4, 0.3, sentiment, 0.4, CASE WHEN %(closed)s THEN document_id END, event_time - interval '1 second',
           date_bin('5 minutes', event_time, 'epoch') + interval '5 minutes', event_time, '1'
    FROM made CROSS JOIN LATERAL (SELECT 'MARKET' UNION ALL SELECT entity WHERE companies > 0) AS m (e)
    """,
    """
    INSERT INTO core.story (run_id, story_id, leader_document_id, first_time, signature)
    SELECT %(run)s, document_id, document_id, event_time, decode(repeat(md5(document_id::text), 16), 'hex')
    FROM made WHERE %(closed)s
    """,
    """
    INSERT INTO core.dirty_window (run_id, pane_start, known_pane)
    SELECT DISTINCT %(run)s, date_bin('5 minutes', event_time, 'epoch'),
           date_bin('5 minutes', event_time, 'epoch') + interval '5 minutes'
    FROM made WHERE NOT %(closed)s
    """,
)
PROGRESS = """
    INSERT INTO core.source_progress (run_id, kafka_topic, kafka_partition, source_class, next_offset, watermark, known_at)
    VALUES (%(run)s, 'bench', 0, 'news', 1, %(at)s, %(at)s) ON CONFLICT (run_id, kafka_topic, kafka_partition)
    DO UPDATE SET watermark = excluded.watermark, known_at = excluded.known_at
"""
STEPS = """
    INSERT INTO core.watermark_step (run_id, kafka_topic, kafka_partition, closes_until, known_at)
    SELECT %(run)s, 'bench', 0, at, at + interval '10 minutes'
    FROM generate_series(%(low)s::timestamptz, %(high)s::timestamptz, interval '5 minutes') AS at
"""
TABLES = ("document", "mention", "story", "watermark_step", "hour_count", "window_agg", "window_status")


@dataclass(frozen=True, slots=True)
class Point:
    """What an hour of new documents cost beside so many stored ones."""

    stored: int
    first_step_ms: float
    """The first step of a closer that knows nothing yet: it reads what it keeps from then on."""
    microseconds_per_document: float
    """Of the steps after it."""
    resident_mb: float
    """Of the whole process, after them."""


async def measure(settings: Settings, sizes: Sequence[int], tell: Callable[[str], None]) -> dict[str, Any]:
    """The curve, and its end over its beginning."""
    database = Database(settings.postgres.url.get_secret_value(), 2)
    await database.open()
    try:
        points = []
        for size in sizes:
            points.append(await _point(database, settings, size))
            tell(f"{size} stored: {points[-1].microseconds_per_document:.0f} µs a document")
    finally:
        await database.close()
    cost = [point.microseconds_per_document for point in points]
    return {
        **{f"stored_{point.stored}": _figures(point) for point in points},
        "last_over_first": round(cost[-1] / cost[0], 2),
    }


def _figures(point: Point) -> dict[str, float]:
    return {
        "microseconds_per_document": round(point.microseconds_per_document, 1),
        "first_step_ms": round(point.first_step_ms, 1),
        "resident_mb": round(point.resident_mb, 1),
    }


async def _point(database: Database, settings: Settings, size: int) -> Point:
    name = f"bench-closing-{time.time_ns():x}"
    async with database.transaction() as connection:
        run = await ensure_run(connection, name, kind="replay", notify=False, settings={}, gazetteer="bench")
    try:
        await _fill(database, run, NOW - HISTORY, NOW, size, closed=True)
        await _fill(database, run, NOW, NOW + HOUR, NEW_DOCUMENTS, closed=False)
        await _prepare(database, settings, run)
        return await _close(database, settings, run, size)
    finally:
        await drop_run(database, name)


async def _fill(
    database: Database, run: Run, low: datetime, high: datetime, count: int, *, closed: bool
) -> None:
    values = {"run": run.run_id, "low": low, "high": high, "count": count, "closed": closed}
    async with database.transaction() as connection:
        await connection.execute(DOCUMENTS, values)
        for statement in ROWS:
            await connection.execute(statement, values)


async def _prepare(database: Database, settings: Settings, run: Run) -> None:
    """All that a run with this history has beside its rows."""
    async with database.transaction() as connection:
        await connection.execute(STEPS, {"run": run.run_id, "low": NOW - HISTORY, "high": NOW})
        await connection.execute("UPDATE core.run SET closed_until = %s WHERE run_id = %s", (NOW, run.run_id))
    async with PostgresClosingStore(database, run, settings).transaction() as transaction:
        await transaction.count_hours(None, NOW.replace(hour=0))
    async with database.autocommit() as connection:
        for table in TABLES:
            await connection.execute(f"ANALYZE core.{table}_r{run.run_id}")


async def _close(database: Database, settings: Settings, run: Run, size: int) -> Point:
    closer = Closer(PostgresClosingStore(database, run, settings), settings, run.name)
    seconds = []
    for pane in range(1, HOUR // PANE + 1):
        until = NOW + pane * PANE
        async with database.transaction() as connection:
            await connection.execute(PROGRESS, {"run": run.run_id, "at": until + LATENESS})
            await connection.execute(STEPS, {"run": run.run_id, "low": until, "high": until})
        began = time.perf_counter()
        report = await closer.step(end_of_input=False)
        seconds.append(time.perf_counter() - began)
        assert report.closed_until == until
    rest = NEW_DOCUMENTS * (len(seconds) - 1) / len(seconds)
    return Point(size, seconds[0] * 1e3, sum(seconds[1:]) / rest * 1e6, resident_mb())
