"""The rare path of the document store: revisions, re-deliveries, and what becomes of superseded versions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from streams.adapters.postgres.rows import DOCUMENT_COLUMNS, MENTION_COLUMNS, RowMaker
from streams.domain.entity import MARKET
from streams.domain.window import floor

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID

    from psycopg import AsyncConnection

    from streams.domain.document import Scored
    from streams.domain.versions import Plan

VERSION = ("revision", "source_time", "content_hash")


async def file_superseded(connection: AsyncConnection[Any], plan: Plan, rows: RowMaker) -> None:
    """Move replaced versions to the history, and file versions that came too late to be current."""
    newer = {item.enriched.document.document_id: item for item in plan.insert}
    replaced = sorted(plan.replace)
    if replaced:
        await _move_to_history(connection, rows.run_id, replaced)
        await _point_keys(connection, rows.run_id, [newer[document_id] for document_id in replaced], rows)
    if plan.history:
        for item in plan.history:
            await _file(connection, item, rows)
        await _recount_companies(connection, rows.run_id, _ids(plan.history), suffix="_history")


async def date_superseded(
    connection: AsyncConnection[Any], plan: Plan, run_id: int
) -> set[tuple[datetime, datetime]]:
    """Set from when on each superseded version of the documents in this plan is no longer read.

    Returns:
        Panes of these versions, each with the pane ends that read them first and no more: whether a version came in one batch
        with its successor, before or after it must not matter to the windows that it leaves.
    """
    touched = sorted({*plan.replace, *_ids(plan.history), *_ids(plan.repeat)})
    if not touched:
        return set()
    await _set_superseded(connection, run_id, touched)
    cursor = await connection.execute(
        "SELECT event_time, known_pane, superseded_pane FROM core.document_history"
        " WHERE run_id = %s AND document_id = ANY(%s)",
        (run_id, touched),
    )
    rows = await cursor.fetchall()
    return {(floor(row[0]), due) for row in rows for due in row[1:]}


def _ids(items: Sequence[Scored]) -> list[UUID]:
    return sorted({item.enriched.document.document_id for item in items})


async def _move_to_history(connection: AsyncConnection[Any], run_id: int, documents: Sequence[UUID]) -> None:
    mention = ", ".join(f"m.{name}" for name in (*MENTION_COLUMNS, "story_id"))
    version = ", ".join(f"d.{name}" for name in VERSION)
    await connection.execute(
        f"INSERT INTO core.mention_history ({', '.join((*MENTION_COLUMNS, 'story_id', *VERSION))}, superseded_pane)"
        f" SELECT {mention}, {version}, 'infinity' FROM core.mention m"
        " JOIN core.document d USING (run_id, event_time, document_id)"
        " WHERE m.run_id = %s AND m.document_id = ANY(%s) ON CONFLICT DO NOTHING",
        (run_id, documents),
    )
    columns = ", ".join((*DOCUMENT_COLUMNS, "story_id", "recorded_at"))
    await connection.execute(
        f"INSERT INTO core.document_history ({columns}, superseded_pane) SELECT {columns}, 'infinity' FROM core.document"
        " WHERE run_id = %s AND document_id = ANY(%s) ON CONFLICT DO NOTHING",
        (run_id, documents),
    )
    for table in ("mention", "document"):
        await connection.execute(
            f"DELETE FROM core.{table} WHERE run_id = %s AND document_id = ANY(%s)",
            (run_id, documents),
        )


async def _point_keys(
    connection: AsyncConnection[Any], run_id: int, items: Sequence[Scored], rows: RowMaker
) -> None:
    async with connection.cursor() as cursor:
        await cursor.executemany(
            "UPDATE core.document_key SET event_time = %s, revision = %s, source_time = %s, content_hash = %s,"
            " known_pane = %s WHERE run_id = %s AND source = %s AND source_id = %s",
            [
                (
                    document.event_time, document.revision, document.source_time, document.content_hash,
                    rows.known_pane(item), run_id, document.source, document.source_id,
                )
                for item in items
                for document in [item.enriched.document]
            ],
        )  # fmt: skip


async def _file(connection: AsyncConnection[Any], item: Scored, rows: RowMaker) -> None:
    document = item.enriched.document
    version = (document.revision, document.source_time, document.content_hash)
    async with connection.cursor() as cursor:
        await cursor.execute(
            _delivery("document_history", (*DOCUMENT_COLUMNS, "superseded_pane"), ("document_id", *VERSION)),
            (*rows.document(item), "infinity"),
        )
        await cursor.execute(FIRST_COPY.format(table="document_history"), _coordinates(item, rows))
        await cursor.executemany(
            _delivery(
                "mention_history",
                (*MENTION_COLUMNS, *VERSION, "superseded_pane"),
                ("document_id", "entity_id", *VERSION),
            ),
            [(*rows.mention(item, mention), *version, "infinity") for mention in item.mentions],
        )


def least_known(one: str, other: str) -> str:
    """The smaller of two watermarks; null is before all others."""
    return f"nullif(least(coalesce({one}, '-infinity'), coalesce({other}, '-infinity')), '-infinity')"


def _delivery(table: str, columns: Sequence[str], key: Sequence[str]) -> str:
    """INSERT of a row that another delivery may have written: it can only become known earlier."""
    places = ", ".join(["%s"] * len(columns))
    return (
        f"INSERT INTO core.{table} ({', '.join(columns)}) VALUES ({places})"
        f" ON CONFLICT (run_id, {', '.join(key)})"
        f" DO UPDATE SET known_wm = {least_known('EXCLUDED.known_wm', f'{table}.known_wm')},"
        f" known_pane = least(EXCLUDED.known_pane, {table}.known_pane),"
        f" known_at = least(EXCLUDED.known_at, {table}.known_at)"
        f" WHERE EXCLUDED.known_at < {table}.known_at"
        f" OR {table}.known_wm IS NOT NULL AND coalesce(EXCLUDED.known_wm < {table}.known_wm, true)"
    )


async def _set_superseded(connection: AsyncConnection[Any], run_id: int, documents: Sequence[UUID]) -> None:
    """A version is superseded from the first pane on that knows any later version of the document."""
    later = """
        SELECT min(known_pane) FROM (
            SELECT known_pane FROM core.document_history l WHERE l.run_id = h.run_id AND l.document_id = h.document_id
               AND (l.revision, l.source_time, l.content_hash) > (h.revision, h.source_time, h.content_hash)
            UNION ALL
            SELECT known_pane FROM core.document_key k WHERE k.run_id = h.run_id AND k.document_id = h.document_id
               AND k.source = d.source AND k.source_id = d.source_id
               AND (k.revision, k.source_time, k.content_hash) > (h.revision, h.source_time, h.content_hash)
        ) AS later"""
    for table in ("mention_history", "document_history"):
        await connection.execute(
            f"UPDATE core.{table} h SET superseded_pane = ({later}) FROM core.document_history d"
            " WHERE h.run_id = %s AND h.document_id = ANY(%s) AND d.run_id = h.run_id AND d.document_id = h.document_id"
            " AND (d.revision, d.source_time, d.content_hash) = (h.revision, h.source_time, h.content_hash)",
            (run_id, documents),
        )


# Of copies in several partitions the first in coordinates is named, whichever was stored first.
FIRST_COPY = """
    UPDATE core.{table} SET kafka_topic = %(topic)s, kafka_partition = %(partition)s, kafka_offset = %(offset)s,
           ingest_time = %(time)s
    WHERE run_id = %(run)s AND document_id = %(document)s
      AND (revision, source_time, content_hash) = (%(revision)s, %(source_time)s, %(content_hash)s)
      AND (kafka_topic COLLATE "C", kafka_partition, kafka_offset) > (%(topic)s, %(partition)s, %(offset)s)
"""


def _coordinates(item: Scored, rows: RowMaker) -> dict[str, Any]:
    document, record = item.enriched.document, item.enriched.record
    return {
        "topic": record.source.topic,
        "partition": record.source.partition,
        "offset": record.offset,
        "time": record.timestamp,
        "run": rows.run_id,
        "document": document.document_id,
        "revision": document.revision,
        "source_time": document.source_time,
        "content_hash": document.content_hash,
    }


async def add_repeats(connection: AsyncConnection[Any], items: Sequence[Scored], rows: RowMaker) -> None:
    """A re-delivery adds the mentions it alone has (a row per ticker) and may make the document known earlier."""
    mentions = [rows.mention(item, mention) for item in items for mention in item.mentions]
    known = [(rows.known_pane(item), item.enriched.document.document_id, item) for item in items]
    async with connection.cursor() as cursor:
        await cursor.executemany(
            _delivery("mention", MENTION_COLUMNS, ("event_time", "document_id", "entity_id")), mentions
        )
        await cursor.executemany(
            "UPDATE core.document SET known_pane = least(known_pane, %s),"
            f" known_wm = {least_known('%s::timestamptz', 'known_wm')},"
            " known_at = least(known_at, %s) WHERE run_id = %s AND document_id = %s"
            " AND (known_at > %s OR known_wm IS NOT NULL AND coalesce(%s < known_wm, true))",
            [
                (pane, watermark, known_at, rows.run_id, document_id, known_at, watermark)
                for pane, document_id, item in known
                for watermark in [item.enriched.known_watermark]
                for known_at in [item.enriched.known_at]
            ],
        )
        await cursor.executemany(
            FIRST_COPY.format(table="document"), [_coordinates(item, rows) for item in items]
        )
        await cursor.executemany(
            "UPDATE core.document_key SET known_pane = %s"
            " WHERE run_id = %s AND source = %s AND source_id = %s AND known_pane > %s",
            [
                (pane, rows.run_id, document.source, document.source_id, pane)
                for pane, _, item in known
                for document in [item.enriched.document]
            ],
        )
    await _recount_companies(connection, rows.run_id, _ids(items), suffix="")


async def _recount_companies(
    connection: AsyncConnection[Any], run_id: int, documents: Sequence[UUID], *, suffix: str
) -> None:
    """Companies of a version are those of all its deliveries; a mention that came later joins the document's story."""
    version = ("event_time", "document_id") if not suffix else ("document_id", *VERSION)
    counted = (
        f"(SELECT {', '.join(version)}, count(*) FILTER (WHERE entity_id <> %s) AS companies,"
        f" max(story_id::text)::uuid AS story FROM core.mention{suffix}"
        f" WHERE run_id = %s AND document_id = ANY(%s) GROUP BY {', '.join(version)}) AS counted"
    )
    for table, told in (("document", ""), ("mention", ", story_id = counted.story")):
        same = " AND ".join(f"t.{name} = counted.{name}" for name in version)
        differs = "t.companies <> counted.companies"
        if told:
            differs = f"({differs} OR t.story_id IS DISTINCT FROM counted.story)"
        await connection.execute(
            f"UPDATE core.{table}{suffix} t SET companies = counted.companies{told} FROM {counted}"
            f" WHERE t.run_id = %s AND {same} AND {differs}",
            (MARKET, run_id, documents, run_id),
        )
