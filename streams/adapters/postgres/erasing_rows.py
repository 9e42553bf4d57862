"""The statements of an erasure, table by table."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from psycopg.types.json import Jsonb

from streams.domain.erasure import scrubbed
from streams.domain.leaders import LeaderIndex
from streams.domain.story import Signed
from streams.domain.window import floor

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from datetime import datetime
    from uuid import UUID

    from psycopg import AsyncConnection

# In this order: a score goes once no document has its text any more.
REMOVALS = {
    "mention": "DELETE FROM core.mention WHERE document_id = ANY(%(ids)s)",
    "mention_history": "DELETE FROM core.mention_history WHERE document_id = ANY(%(ids)s)",
    "document": "DELETE FROM core.document WHERE document_id = ANY(%(ids)s)",
    "document_history": "DELETE FROM core.document_history WHERE document_id = ANY(%(ids)s)",
    "document_key": "DELETE FROM core.document_key WHERE document_id = ANY(%(ids)s)",
    "alert_document": "DELETE FROM core.alert_document WHERE document_id = ANY(%(ids)s)",
    "alert_document_history": "DELETE FROM core.alert_document_history WHERE document_id = ANY(%(ids)s)",
    "score": """
        DELETE FROM core.score s WHERE text_hash = ANY(%(hashes)s)
           AND NOT EXISTS (SELECT FROM core.document d WHERE d.text_hash = s.text_hash)
           AND NOT EXISTS (SELECT FROM core.document_history h WHERE h.text_hash = s.text_hash)""",
}
# Members of stories that have lost their leader, in the order in which the closer meets them.
ORPHANS = """
    WITH led AS (SELECT run_id, story_id FROM core.story WHERE leader_document_id = ANY(%(ids)s))
    SELECT run_id, story_id, known_pane, event_time, document_id, signature
    FROM core.document JOIN led USING (run_id, story_id)
    UNION ALL
    SELECT run_id, story_id, known_pane, event_time, document_id, signature
    FROM core.document_history JOIN led USING (run_id, story_id) WHERE superseded_pane > known_pane
    ORDER BY run_id, story_id, known_pane, event_time, document_id
"""
STORY_TABLES = (
    "document",
    "mention",
    "document_history",
    "mention_history",
    "alert_document",
    "alert_document_history",
)


async def reassign_stories(connection: AsyncConnection[Any], ids: Sequence[UUID]) -> int:
    """Give the followers of erased leaders the stories they would have had without them; how many stories were led by those."""
    orphans = await (await connection.execute(ORPHANS, {"ids": ids})).fetchall()
    removed = await connection.execute("DELETE FROM core.story WHERE leader_document_id = ANY(%s)", (ids,))
    indexes: dict[tuple[int, UUID], LeaderIndex] = {}
    seen: set[tuple[int, UUID]] = set()
    for run_id, story, _, event_time, document_id, signature in orphans:
        if (run_id, document_id) in seen:
            continue
        seen.add((run_id, document_id))
        index = indexes.setdefault((run_id, story), LeaderIndex())
        assignment = index.assign(Signed(document_id, event_time, bytes(signature)))
        if assignment.is_leader:
            await connection.execute(
                "INSERT INTO core.story (run_id, story_id, leader_document_id, first_time, signature)"
                " VALUES (%s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
                (run_id, assignment.story_id, document_id, event_time, signature),
            )
        for table in STORY_TABLES:
            await connection.execute(
                f"UPDATE core.{table} SET story_id = %s WHERE run_id = %s AND document_id = %s AND story_id = %s",
                (assignment.story_id, run_id, document_id, story),
            )
    await mark_dirty(connection, {(row[0], row[3]) for row in orphans})
    return removed.rowcount


async def mark_dirty(connection: AsyncConnection[Any], touched: Collection[tuple[int, datetime]]) -> None:
    """Have the panes of these (run, event time) folded again from the beginning, closed windows and their history too."""
    panes = sorted({(run_id, floor(event_time)) for run_id, event_time in touched})
    async with connection.cursor() as cursor:
        await cursor.executemany(
            "INSERT INTO core.dirty_window (run_id, pane_start, known_pane) VALUES (%s, %s, 'epoch')", panes
        )


async def scrub_alerts(connection: AsyncConnection[Any], needles: Collection[str]) -> dict[str, int]:
    """Blank what of the needles stands in evidence, in the history of alerts and in their messages; rows changed by table."""
    if not needles:
        return {}
    return {
        "alert_episode": await _scrub(
            connection, "alert_episode", "evidence", ("run_id", "alert_id"), needles
        ),
        "alert_history": await _scrub(
            connection, "alert_history", "evidence", ("run_id", "alert_id", "known_from"), needles
        ),
        "alert_event": await _scrub(
            connection, "alert_event", "detail", ("run_id", "alert_id", "at", "kind"), needles
        ),
        "outbox": await _scrub_messages(connection, needles),
    }


async def _scrub(
    connection: AsyncConnection[Any], table: str, column: str, key: tuple[str, ...], needles: Collection[str]
) -> int:
    rows = await (await connection.execute(f"SELECT {', '.join(key)}, {column} FROM core.{table}")).fetchall()
    where = " AND ".join(f"{name} = %s" for name in key)
    changed = 0
    for *values, found in rows:
        clean = scrubbed(found, needles)
        if clean != found:
            await connection.execute(
                f"UPDATE core.{table} SET {column} = %s WHERE {where}", (Jsonb(clean), *values)
            )
            changed += 1
    return changed


async def _scrub_messages(connection: AsyncConnection[Any], needles: Collection[str]) -> int:
    rows = await (
        await connection.execute("SELECT outbox_id, record_value FROM core.outbox WHERE topic = 'alerts.v1'")
    ).fetchall()
    changed = 0
    for outbox_id, value in rows:
        found = json.loads(bytes(value))
        clean = scrubbed(found, needles)
        if clean != found:
            await connection.execute(
                "UPDATE core.outbox SET record_value = %s WHERE outbox_id = %s",
                (json.dumps(clean).encode(), outbox_id),
            )
            changed += 1
    return changed


async def blank_dead_letters(
    connection: AsyncConnection[Any], is_meant: Callable[[bytes, bytes], bool]
) -> list[tuple[Any, ...]]:
    """Empty the records that are meant; returns run, coordinates and Kafka time of each."""
    found: list[tuple[Any, ...]] = []
    async with connection.cursor(name="dead_letters") as cursor:
        cursor.itersize = 500
        await cursor.execute(
            "SELECT run_id, kafka_topic, kafka_partition, kafka_offset, ingest_time, coalesce(record_key, ''), payload"
            " FROM core.dead_letter WHERE payload_bytes > 0"
        )
        async for *place, key, payload in cursor:
            if is_meant(bytes(key), bytes(payload)):
                found.append(tuple(place))
    async with connection.cursor() as cursor:
        await cursor.executemany(
            "UPDATE core.dead_letter SET payload = '', record_key = NULL, record_headers = NULL, payload_bytes = 0,"
            " payload_sha256 = %s"
            " WHERE run_id = %s AND kafka_topic = %s AND kafka_partition = %s AND kafka_offset = %s",
            [(hashlib.sha256(b"").digest(), *row[:4]) for row in found],
        )
    return found
