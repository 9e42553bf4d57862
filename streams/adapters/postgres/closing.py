"""The closer's transactions on Postgres: state, stories, progress. Folding and alert rows are in their own modules."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from streams.adapters.postgres.closing_rows import ClosingRows
from streams.adapters.postgres.folding import Folding
from streams.adapters.postgres.surges import Surges
from streams.domain.batch import WatermarkStep
from streams.domain.closing import ClosingState, StoryOf, Unassigned
from streams.domain.knowledge import Knowledge, PartitionHistory
from streams.domain.story import Leader
from streams.domain.summary import Partition, Range

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Sequence
    from datetime import datetime, timedelta

    from streams.adapters.postgres.connection import Database
    from streams.adapters.postgres.runs import Run
    from streams.settings import Settings

LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('sentiwatch.closer.' || %s::text, 0))"
OPEN_DOCUMENTS = """
    SELECT known_pane, event_time, document_id, signature FROM core.document
    WHERE run_id = %(run)s AND story_id IS NULL AND known_pane <= %(until)s
    UNION ALL
    SELECT known_pane, event_time, document_id, signature FROM core.document_history
    WHERE run_id = %(run)s AND story_id IS NULL AND known_pane <= %(until)s AND superseded_pane > known_pane
"""


# All that coverage of (after, until] can depend on: what lies before the last presence does not matter.
PRESENCE = """
    WITH seen AS (
        SELECT closes_until AS pane FROM core.watermark_step
        WHERE run_id = %(rows)s AND closes_until BETWEEN %(after)s - %(silence)s::interval AND %(until)s
        UNION
        SELECT known_pane FROM core.mention_known
        WHERE run_id = %(rows)s AND entity_id = 'MARKET' AND event_time >= %(after)s - interval '5 minutes'
          AND event_time < %(until)s AND known_pane <= %(until)s AND known_pane <= event_time + interval '5 minutes'
        UNION
        (SELECT known_pane FROM core.mention_known
        WHERE run_id = %(rows)s AND entity_id = 'MARKET' AND event_time >= %(after)s - %(silence)s::interval
          AND event_time < %(after)s AND known_pane <= event_time + interval '5 minutes'
        ORDER BY event_time DESC LIMIT 1)
    )
    SELECT pane FROM seen WHERE pane > %(after)s UNION (SELECT max(pane) FROM seen WHERE pane <= %(after)s) ORDER BY 1
"""
STEPS = """
    SELECT s.* FROM core.source_progress p CROSS JOIN LATERAL (
        SELECT kafka_topic, kafka_partition, closes_until, known_at, next_offset, rejected FROM (
            (SELECT * FROM core.watermark_step w WHERE w.run_id = %(rows)s AND w.kafka_topic = p.kafka_topic
                AND w.kafka_partition = p.kafka_partition AND closes_until <= %(after)s
             ORDER BY closes_until DESC LIMIT 1)
            UNION ALL
            (SELECT * FROM core.watermark_step w WHERE w.run_id = %(rows)s AND w.kafka_topic = p.kafka_topic
                AND w.kafka_partition = p.kafka_partition AND closes_until > %(after)s AND closes_until < %(until)s)
            UNION ALL
            (SELECT * FROM core.watermark_step w WHERE w.run_id = %(rows)s AND w.kafka_topic = p.kafka_topic
                AND w.kafka_partition = p.kafka_partition AND closes_until > %(after)s AND closes_until >= %(until)s
             ORDER BY closes_until LIMIT 1)) AS near) AS s
    WHERE p.run_id = %(rows)s ORDER BY 1, 2, 3
"""
# Where the input of each partition stands: it lets nothing more close, and knows what its last record told.
ENDS = """
    SELECT kafka_topic, kafka_partition, source_class, watermark, known_at, next_offset, rejected FROM core.source_progress
    WHERE run_id = %(rows)s AND watermark IS NOT NULL AND known_at IS NOT NULL
"""


class PostgresClosing(ClosingRows, Folding, Surges):
    """One step of the closer, on one connection and in one transaction; see `streams.ports`."""

    async def state(self) -> ClosingState:
        ((closed, counted, frozen, erasures),) = await self._fetch(
            "SELECT closed_until, counted_until, frozen_until, (SELECT coalesce(max(erasure_id), 0) FROM core.erasure_ledger)"
            " FROM core.run WHERE run_id = %(run)s"
        )
        rows = await self._fetch(
            "SELECT kafka_topic, kafka_partition, source_class, watermark, next_offset, known_at FROM core.source_progress"
            " WHERE run_id = %(run)s"
        )
        return ClosingState(
            closed, self._run.notify, tuple(Partition(*row) for row in rows), counted, frozen, erasures
        )

    async def last_pane(self) -> datetime | None:
        rows = await self._fetch(
            f"SELECT greatest((SELECT max(known_pane) FROM ({OPEN_DOCUMENTS}) AS d),"
            " (SELECT max(known_pane) FROM core.dirty_window WHERE run_id = %(run)s))",
            until="infinity",
        )
        last: datetime | None = rows[0][0]
        return last

    async def pending(self, until: datetime, limit: int) -> list[tuple[datetime, int]]:
        rows = await self._fetch(
            f"SELECT known_pane, count(*) FROM ({OPEN_DOCUMENTS}) AS d GROUP BY 1 ORDER BY 1 LIMIT %(limit)s",
            until=until, limit=limit,
        )  # fmt: skip
        return [(row[0], row[1]) for row in rows]

    async def set_closed(self, until: datetime) -> None:
        await self._execute(
            "UPDATE core.run SET closed_until = %(until)s WHERE run_id = %(run)s", until=until
        )

    async def unassigned(self, until: datetime) -> list[Unassigned]:
        rows = await self._fetch(
            f"""
            SELECT d.document_id, d.event_time, d.known_pane, d.signature, h.story_id
            FROM ({OPEN_DOCUMENTS}) AS d
            LEFT JOIN LATERAL (
                SELECT story_id FROM core.document_history h
                WHERE h.run_id = %(run)s AND h.document_id = d.document_id AND h.story_id IS NOT NULL LIMIT 1
            ) AS h ON true
            ORDER BY d.known_pane, d.event_time, d.document_id""",
            until=until,
        )
        return [Unassigned(row[0], row[1], row[2], bytes(row[3]), row[4]) for row in rows]

    async def leaders(self, ranges: Iterable[Range]) -> list[Leader]:
        found: list[Leader] = []
        for part in ranges:
            rows = await self._fetch(
                "SELECT story_id, first_time, signature FROM core.story"
                " WHERE run_id = %(run)s AND first_time >= %(low)s AND first_time <= %(high)s",
                low=part.after, high=part.until,
            )  # fmt: skip
            found += [Leader(row[0], row[1], bytes(row[2])) for row in rows]
        return found

    async def save_stories(self, stories: Sequence[StoryOf]) -> None:
        leading = [story for story in stories if story.leads]
        await self._execute(
            "INSERT INTO core.story (run_id, story_id, leader_document_id, first_time, signature) SELECT %(run)s, * FROM"
            " unnest(%(ids)s::uuid[], %(documents)s::uuid[], %(times)s::timestamptz[], %(signatures)s::bytea[])"
            " ON CONFLICT DO NOTHING",
            ids=[story.story_id for story in leading],
            documents=[story.document.document_id for story in leading],
            times=[story.document.event_time for story in leading],
            signatures=[story.document.signature for story in leading],
        )
        times = [story.document.event_time for story in stories]
        # A version that is superseded while this runs moves to the history, so history comes last.
        # Versions that nothing ever reads get no story, whenever they arrive.
        for table in ("document", "mention", "document_history", "mention_history"):
            current = not table.endswith("history")
            bounds = (
                "AND t.event_time = s.event_time AND t.event_time BETWEEN %(low)s AND %(high)s"
                if current
                else "AND t.superseded_pane > t.known_pane"
            )
            await self._execute(
                f"""
                UPDATE core.{table} t SET story_id = s.story_id
                FROM unnest(%(documents)s::uuid[], %(times)s::timestamptz[], %(ids)s::uuid[])
                     AS s (document_id, event_time, story_id)
                WHERE t.run_id = %(run)s AND t.document_id = s.document_id AND t.story_id IS NULL {bounds}""",
                documents=[story.document.document_id for story in stories],
                times=times,
                ids=[story.story_id for story in stories],
                low=min(times),
                high=max(times),
            )

    async def presence(self, after: datetime, until: datetime, silence: timedelta) -> list[datetime]:
        rows = await self._fetch(PRESENCE, after=after, until=until, silence=silence)
        return [row[0] for row in rows if row[0] is not None]

    async def knowledge(self, after: datetime, until: datetime) -> Knowledge:
        rows = await self._fetch(STEPS, after=after, until=until)
        steps: dict[tuple[str, int], list[WatermarkStep]] = {}
        for topic, number, *step in rows:
            steps.setdefault((topic, number), []).append(WatermarkStep(*step))
        ends = await self._fetch(ENDS)
        return Knowledge(
            {
                (row[0], row[1]): PartitionHistory(
                    row[2], steps.get((row[0], row[1]), ()), WatermarkStep(*row[3:])
                )
                for row in ends
            }
        )


class PostgresClosingStore:
    """Opens the closer's transactions; see `streams.ports.ClosingStore`."""

    def __init__(self, database: Database, run: Run, settings: Settings) -> None:
        self._database = database
        self._run = run
        self._settings = settings

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[PostgresClosing]:
        """One step: waits for the step of another worker to end."""
        async with self._database.transaction() as connection:
            await connection.execute(LOCK, (self._run.name,))
            yield PostgresClosing(connection, self._run, self._settings)
