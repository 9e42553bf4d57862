"""Erasing documents and authors: one transaction over every table of every run.

What may identify is removed; what only counts is folded again from the rows that are left. No window, story or alert keeps a
text, a handle or a source-side id. Runs under the lock that writers share, and under each run's closer lock, so that nothing
of it is being written meanwhile.
"""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from streams.adapters.postgres.closing import LOCK as CLOSER_LOCK
from streams.adapters.postgres.erasing_rows import (
    REMOVALS,
    blank_dead_letters,
    mark_dirty,
    reassign_stories,
    scrub_alerts,
)
from streams.adapters.postgres.erasure_ledger import ERASURE_LOCK, load_ledger, require_keys
from streams.domain.erasure import needles_of
from streams.domain.pseudonym import ANY_SOURCE, KeyRing, plain, repost_origin

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from psycopg import AsyncConnection

    from streams.adapters.postgres.connection import Database
    from streams.domain.erasure import Ledger

VERSIONS = """
    SELECT run_id, document_id, event_time, kafka_topic, kafka_partition, kafka_offset, ingest_time, title, content, url,
           source_id, text_hash FROM core.document WHERE document_id = ANY(%(ids)s)
    UNION ALL
    SELECT run_id, document_id, event_time, kafka_topic, kafka_partition, kafka_offset, ingest_time, title, content, url,
           source_id, text_hash FROM core.document_history WHERE document_id = ANY(%(ids)s)
"""
BY_AUTHOR = """
    SELECT document_id FROM core.document WHERE author_key = ANY(%(keys)s)
    UNION SELECT document_id FROM core.document_history WHERE author_key = ANY(%(keys)s)
"""
REPOSTS = """
    SELECT document_id, source, coalesce(nullif(title, ''), content) FROM core.document
    WHERE title LIKE 'RT @%%' OR (title = '' AND content LIKE 'RT @%%')
    UNION SELECT document_id, source, coalesce(nullif(title, ''), content) FROM core.document_history
    WHERE title LIKE 'RT @%%' OR (title = '' AND content LIKE 'RT @%%')
"""
NOTE = """
    INSERT INTO core.erasure_ledger (request_id, kind, document_id, author_key, kafka_topic, kafka_partition, kafka_offset)
    VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING
"""


@dataclass(frozen=True, slots=True)
class Request:
    """What to erase. ``handle`` is plain, in ``source`` or (empty) in any; ``key`` is the pseudonym of an author."""

    document: uuid.UUID | None = None
    source_id: str = field(default="", repr=False)
    handle: str = field(default="", repr=False)
    source: str = ""
    key: bytes = b""

    def ledger_keys(self, keys: KeyRing) -> set[bytes]:
        """The pseudonyms that the ledger remembers the author by."""
        found = {self.key} if self.key else set()
        return found | set(keys.every(self.source, self.handle) if self.handle else ())

    @property
    def words(self) -> list[str]:
        """What a dead letter's bytes are searched for, where the command was told it."""
        return [word for word in (plain(self.handle), self.source_id) if word]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a record is in Kafka, and its Kafka timestamp."""

    topic: str
    partition: int
    offset: int
    time: datetime


@dataclass(slots=True)
class Erased:
    """What one request removed."""

    request_id: uuid.UUID
    documents: int = 0
    rows: dict[str, int] = field(default_factory=dict)
    runs: list[str] = field(default_factory=list)
    places: list[Place] = field(default_factory=list)
    copies: dict[str, datetime] = field(default_factory=dict)
    """Keys of the copies of dead letters that were published already, with the time."""


async def erase(database: Database, request: Request, keys: KeyRing) -> Erased:
    """Remove it everywhere and remember that; see the module. Idempotent.

    Raises:
        Misconfigured: a handle is meant, and the keys are not those this database was written with.
        Unavailable: the database does not answer; nothing was removed.
    """
    async with database.transaction() as connection:
        await _lock(connection)
        if request.handle:
            await require_keys(connection, keys)
        erased = Erased(uuid.uuid4())
        ids = await _documents(connection, request, keys)
        await _note(connection, erased, ids, request.ledger_keys(keys))
        row = await (await connection.execute("SELECT max(erasure_id) FROM core.erasure_ledger")).fetchone()
        ledger = await load_ledger(connection, keys, row[0] if row else 0)
        await _remove_documents(connection, erased, sorted(ids), request)
        await _remove_dead_letters(connection, erased, ledger, request)
        await _name_runs(connection, erased)
    return erased


async def _lock(connection: AsyncConnection[Any]) -> None:
    await connection.execute("SELECT pg_advisory_xact_lock(%s)", (ERASURE_LOCK,))
    rows = await (await connection.execute("SELECT name FROM core.run ORDER BY run_id")).fetchall()
    for (name,) in rows:
        await connection.execute(CLOSER_LOCK, (name,))


async def _documents(connection: AsyncConnection[Any], request: Request, keys: KeyRing) -> set[uuid.UUID]:
    """The ids of all documents meant, stored or not."""
    ids = {request.document} if request.document else set()
    authors = request.ledger_keys(keys)
    if not authors:
        return ids
    sources = [request.source] if request.source else await _sources(connection)
    stored = authors | {
        key for source in sources if request.handle for key in keys.every(source, request.handle)
    }
    rows = await (await connection.execute(BY_AUTHOR, {"keys": sorted(stored)})).fetchall()
    ids |= {row[0] for row in rows}
    reposts = await (await connection.execute(REPOSTS)).fetchall()
    return ids | {row[0] for row in reposts if _repeats(row[1], row[2], authors, keys)}


async def _sources(connection: AsyncConnection[Any]) -> list[str]:
    rows = await (await connection.execute("SELECT DISTINCT source FROM core.source")).fetchall()
    return [row[0] for row in rows]


def _repeats(source: str, text: str, authors: set[bytes], keys: KeyRing) -> bool:
    """Whether a text begins by repeating one of these authors."""
    origin = repost_origin(text)
    return bool(origin) and any(
        key in authors for place in (source, ANY_SOURCE) for key in keys.every(place, origin)
    )


async def _note(
    connection: AsyncConnection[Any], erased: Erased, ids: Iterable[uuid.UUID], authors: Iterable[bytes]
) -> None:
    rows: list[tuple[Any, ...]] = [
        (erased.request_id, "document", item, None, None, None, None) for item in sorted(ids)
    ]
    rows += [(erased.request_id, "author", None, key, None, None, None) for key in sorted(authors)]
    async with connection.cursor() as cursor:
        await cursor.executemany(NOTE, rows)


async def _remove_documents(
    connection: AsyncConnection[Any], erased: Erased, ids: list[uuid.UUID], request: Request
) -> None:
    versions = await (await connection.execute(VERSIONS, {"ids": ids})).fetchall()
    erased.documents = len({row[1] for row in versions})
    erased.places = [Place(*row[3:7]) for row in versions]
    texts = {text for row in versions for text in row[7:10]} | {str(row[1]) for row in versions}
    handle = plain(request.handle)
    needles = needles_of(texts | ({handle, f"@{handle}"} if handle else set()))
    for table, statement in REMOVALS.items():
        cursor = await connection.execute(
            statement, {"ids": ids, "hashes": sorted({bytes(row[11]) for row in versions})}
        )
        erased.rows[table] = cursor.rowcount
    erased.rows["story"] = await reassign_stories(connection, ids)
    erased.rows |= await scrub_alerts(connection, needles)
    await mark_dirty(connection, {(row[0], row[2]) for row in versions})


async def _remove_dead_letters(
    connection: AsyncConnection[Any], erased: Erased, ledger: Ledger, request: Request
) -> None:
    """Blank the bytes of records that are, as far as one can read them, what was asked for."""
    words = [re.compile(rf"(?<!\w){re.escape(word)}(?!\w)".encode(), re.IGNORECASE) for word in request.words]

    def is_meant(key: bytes, payload: bytes) -> bool:
        return ledger.covers_payload(payload) or any(
            word.search(payload) or word.search(key) for word in words
        )

    letters = await blank_dead_letters(connection, is_meant)
    erased.rows["dead_letter"] = len(letters)
    erased.places += [Place(*letter[1:5]) for letter in letters]
    async with connection.cursor() as cursor:
        places = sorted({letter[1:4] for letter in letters})
        await cursor.executemany(
            NOTE, [(erased.request_id, "record", None, None, *place) for place in places]
        )
    copies = [f"{topic}-{partition}-{offset}".encode() for topic, partition, offset in places]
    gone = await connection.execute(
        "DELETE FROM core.outbox WHERE topic = 'dead-letters.v1' AND record_key = ANY(%s)"
        " RETURNING record_key, published_at",
        (copies,),
    )
    rows = await gone.fetchall()
    erased.rows["outbox"] = erased.rows.get("outbox", 0) + len(rows)
    erased.copies = {bytes(row[0]).decode(): row[1] for row in rows if row[1] is not None}


async def _name_runs(connection: AsyncConnection[Any], erased: Erased) -> None:
    rows = await (
        await connection.execute(
            "SELECT name FROM core.run WHERE run_id IN (SELECT run_id FROM core.dirty_window) ORDER BY run_id"
        )
    ).fetchall()
    erased.runs = [row[0] for row in rows]
