# ruff: noqa: S608, E501 - statements of our own over our own names
"""Rows as the persist stage leaves them, and databases to put them in."""

from __future__ import annotations

import hashlib
import time
import uuid
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import psycopg
from psycopg import sql

from streams.adapters.postgres.closing import PostgresClosingStore
from streams.adapters.postgres.connection import Database
from streams.adapters.postgres.migrate import upgrade
from streams.adapters.postgres.runs import ensure_run
from streams.domain.window import closes_until, floor, known_pane
from streams.settings import Settings
from streams.stages.close_windows import Closer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Iterator, Sequence

    from streams.adapters.postgres.runs import Run

DROP_TRIES = 50
START = datetime(2026, 3, 2, tzinfo=UTC)
"""A Monday."""
LATENESS = {"news": timedelta(minutes=10), "social": timedelta(minutes=2)}
TOPICS = {"news": "news.raw.v1", "social": "social.raw.v1"}
DOCUMENT = (
    "run_id", "event_time", "document_id", "source", "source_id", "source_class", "revision", "source_time",
    "content_hash", "deleted", "title", "content", "text_hash", "language", "url", "publisher", "source_key",
    "topic", "topic_confidence", "companies", "signature", "known_wm", "known_pane", "known_at", "ingest_time", "kafka_topic",
    "kafka_partition", "kafka_offset", "sentiment_version", "topic_version",
)  # fmt: skip
MENTION = (
    "run_id", "event_time", "document_id", "entity_id", "source_class", "topic", "target", "relevance", "in_title",
    "method", "source_key", "companies", "p_neg", "p_neu", "p_pos", "sentiment_class", "confidence", "known_wm",
    "known_pane", "known_at", "model_version",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Doc:
    """One document about at most a few entities, all with the same sentiment."""

    key: str
    at: datetime
    entities: tuple[str, ...] = ()
    sentiment: str = "neutral"
    source: str = "wire-1"
    story: str = ""
    """Equal stories have equal signatures; empty = a story of its own."""
    topic: str = "company_product_news"
    source_class: str = "news"
    partition: int = 0
    known: datetime | None = None
    """The partition's watermark just before it; None = the documents before it decide."""
    revision: int = 0
    seen: datetime | None = None
    """When it could be known: the largest Kafka timestamp of its partition so far; None = its own event time."""

    @property
    def known_at(self) -> datetime:
        return self.seen or self.at

    @property
    def offset(self) -> int:
        """Any fixed number does: nothing of the closer reads it."""
        return int.from_bytes(self.document_id.bytes[:4])

    @property
    def document_id(self) -> uuid.UUID:
        return uuid.UUID(bytes=hashlib.blake2b(self.key.encode(), digest_size=16).digest())

    @property
    def signature(self) -> bytes:
        seed = hashlib.blake2b((self.story or self.key).encode(), digest_size=256 // 4).digest()
        return np.random.default_rng(list(seed)).integers(0, 2**32, 64, dtype="<u4").tobytes()


PROBABILITIES = {"negative": ("0.9000", "0.0700", "0.0300"), "neutral": ("0.1000", "0.8000", "0.1000"),
                 "positive": ("0.0300", "0.0700", "0.9000")}  # fmt: skip


def with_watermarks(documents: Iterable[Doc]) -> list[Doc]:
    """Documents in the order of their partitions' offsets get the watermark before them."""
    marks: dict[tuple[str, int], datetime] = {}
    clocks: dict[tuple[str, int], datetime] = {}
    out = []
    for doc in documents:
        place = (doc.source_class, doc.partition)
        clocks[place] = max(doc.known_at, clocks.get(place, doc.known_at))
        known = doc.known if doc.known is not None else marks.get(place)
        out.append(replace(doc, known=known, seen=clocks[place]))
        marks[place] = max(doc.at, marks.get(place, doc.at))
    return out


def pane_of(doc: Doc) -> datetime:
    return known_pane(doc.at, doc.known, LATENESS[doc.source_class])


def digest_of(doc: Doc) -> bytes:
    return hashlib.blake2b(f"{doc.key}|{doc.revision}".encode(), digest_size=16).digest()


def document_row(run_id: int, doc: Doc) -> tuple[object, ...]:
    digest = digest_of(doc)
    return (
        run_id, doc.at, doc.document_id, doc.source, doc.key, doc.source_class, doc.revision,
        doc.at + timedelta(seconds=doc.revision), digest, False, f"headline {doc.key}", "body", digest, "en",
        f"https://example.org/{doc.key}", doc.source, f"publisher:{doc.source}", doc.topic, "0.9000", len(doc.entities),
        doc.signature, doc.known, pane_of(doc), doc.known_at, doc.known_at, TOPICS[doc.source_class], doc.partition, doc.offset, "sentiment-1", "topic-1",
    )  # fmt: skip


def mention_rows(run_id: int, doc: Doc) -> Iterator[tuple[object, ...]]:
    for entity in ("MARKET", *doc.entities):
        p_neg, p_neu, p_pos = PROBABILITIES[doc.sentiment]
        yield (
            run_id, doc.at, doc.document_id, entity, doc.source_class, doc.topic, "", 100, True, "name",
            f"publisher:{doc.source}", len(doc.entities), p_neg, p_neu, p_pos, doc.sentiment, max(p_neg, p_neu, p_pos), doc.known,
            pane_of(doc), doc.known_at, "sentiment-1",
        )  # fmt: skip


async def store(database: Database, run: Run, documents: Sequence[Doc]) -> None:
    """What persist does: rows, dirty panes, progress, watermark steps. Documents come in offset order."""
    async with database.transaction() as connection, connection.cursor() as cursor:
        for table, columns, rows in (
            ("document", DOCUMENT, [document_row(run.run_id, doc) for doc in documents]),
            ("mention", MENTION, [row for doc in documents for row in mention_rows(run.run_id, doc)]),
        ):
            async with cursor.copy(f"COPY core.{table} ({', '.join(columns)}) FROM STDIN") as copy:
                for row in rows:
                    await copy.write_row(row)
        await cursor.execute(
            "INSERT INTO core.dirty_window (run_id, pane_start, known_pane)"
            " SELECT %s, * FROM unnest(%s::timestamptz[], %s::timestamptz[])",
            (run.run_id, [floor(doc.at) for doc in documents], [pane_of(doc) for doc in documents]),
        )
        for move in moves(documents):
            await note_progress(cursor, run, *move)


def moves(
    documents: Sequence[Doc],
) -> Iterator[tuple[str, int, list[tuple[datetime, datetime]], datetime, datetime]]:
    """By partition: what closed when, the watermark reached, and when that was known."""
    places = sorted({(doc.source_class, doc.partition) for doc in documents})
    for source_class, partition in places:
        mine = [doc for doc in documents if (doc.source_class, doc.partition) == (source_class, partition)]
        mark, steps = None, []
        for doc in mine:
            if doc.known is not None and (mark is None or doc.known > mark):
                mark = doc.known
            before = closes_until(mark, LATENESS[source_class]) if mark else None
            mark = doc.at if mark is None else max(mark, doc.at)
            reached = closes_until(mark, LATENESS[source_class])
            if before is None or reached > before:
                steps.append((reached, doc.known_at))
        if mark is not None:
            yield source_class, partition, steps, mark, max(doc.known_at for doc in mine)


async def note_progress(  # noqa: PLR0917 - what `moves` yields
    cursor: psycopg.AsyncCursor[tuple[object, ...]],
    run: Run,
    source_class: str,
    partition: int,
    steps: Sequence[tuple[datetime, datetime]],
    mark: datetime,
    known_at: datetime,
) -> None:
    await cursor.execute(
        "INSERT INTO core.source_progress (run_id, kafka_topic, kafka_partition, source_class, next_offset, watermark,"
        " known_at) VALUES (%s, %s, %s, %s, 1, %s, %s) ON CONFLICT (run_id, kafka_topic, kafka_partition)"
        " DO UPDATE SET watermark = greatest(source_progress.watermark, excluded.watermark),"
        " known_at = greatest(source_progress.known_at, excluded.known_at)",
        (run.run_id, TOPICS[source_class], partition, source_class, mark, known_at),
    )
    await cursor.executemany(
        "INSERT INTO core.watermark_step (run_id, kafka_topic, kafka_partition, closes_until, known_at)"
        " VALUES (%s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
        [(run.run_id, TOPICS[source_class], partition, *step) for step in steps],
    )


async def supersede(database: Database, run: Run, old: Doc, new: Doc) -> None:
    """A newer version: the old rows move to the history, readable until the new one is."""
    async with database.transaction() as connection:
        columns = ", ".join((*DOCUMENT, "story_id"))
        where = "WHERE run_id = %s AND document_id = %s"
        key = (run.run_id, old.document_id)
        until = max(pane_of(new), pane_of(old))
        await connection.execute(
            f"INSERT INTO core.document_history ({columns}, superseded_pane) SELECT {columns}, %s FROM core.document {where}",
            (until, *key),
        )
        mention = ", ".join((*MENTION, "story_id"))
        await connection.execute(
            f"INSERT INTO core.mention_history ({mention}, revision, source_time, content_hash, superseded_pane)"
            f" SELECT {mention}, %s, %s, %s, %s FROM core.mention {where}",
            (old.revision, old.at + timedelta(seconds=old.revision), digest_of(old), until, *key),
        )
        await connection.execute(f"DELETE FROM core.document {where}", key)
        await connection.execute(f"DELETE FROM core.mention {where}", key)
        await connection.execute(
            "INSERT INTO core.dirty_window (run_id, pane_start, known_pane) VALUES (%s, %s, %s)",
            (run.run_id, floor(old.at), pane_of(new)),
        )
    await store(database, run, [new])


def fresh_database(postgres_url: str) -> str:
    """A migrated database of its own on this server; returns its URL."""
    name = f"closer_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    url = postgres_url.rpartition("/")[0] + "/" + name
    upgrade(url)
    return url


def drop_database(postgres_url: str, url: str) -> None:
    """Tries again while a process that is not ours to end (autovacuum) is in it."""
    statement = sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(url.rpartition("/")[2]))
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        for _ in range(DROP_TRIES):
            with suppress(psycopg.errors.InsufficientPrivilege, psycopg.errors.ObjectInUse):
                connection.execute(statement)
                return
            time.sleep(0.2)
        connection.execute(statement)


@asynccontextmanager
async def new_run(url: str, name: str = "") -> AsyncIterator[tuple[Database, Run]]:
    database = Database(url, 4)
    await database.open()
    try:
        async with database.transaction() as connection:
            run = await ensure_run(
                connection,
                name or uuid.uuid4().hex[:8],
                kind="replay",
                notify=True,
                settings={},
                gazetteer="",
            )
        yield database, run
    finally:
        await database.close()


def closer_of(database: Database, run: Run, settings: Settings | None = None, **options: object) -> Closer:
    settings = settings or Settings()
    return Closer(PostgresClosingStore(database, run, settings), settings, run.name, **options)  # type: ignore[arg-type]


async def close_all(closer: Closer, *, end_of_input: bool = True) -> int:
    """Step until caught up; returns the alerts opened."""
    opened = 0
    while True:
        report = await closer.step(end_of_input=end_of_input)
        opened += report.alerts_opened
        if report.caught_up:
            return opened


async def register(database: Database, run: Run, places: Iterable[tuple[str, int]]) -> None:
    """Progress rows of partitions that have seen nothing yet, as a worker makes them at its start."""
    async with database.transaction() as connection, connection.cursor() as cursor:
        await cursor.executemany(
            "INSERT INTO core.source_progress (run_id, kafka_topic, kafka_partition, source_class, next_offset)"
            " VALUES (%s, %s, %s, %s, 0) ON CONFLICT DO NOTHING",
            [(run.run_id, TOPICS[name], number, name) for name, number in places],
        )


async def fetch(database: Database, run: Run, statement: str) -> list[tuple[object, ...]]:
    """Rows of a statement with one place for the run id."""
    async with database.transaction() as connection:
        return await (await connection.execute(statement, (run.run_id,))).fetchall()


def ordinary(
    days: int, per_day: int, companies: int = 6, *, seed: int = 1, negative: float = 0.18
) -> list[Doc]:
    """Calm traffic with a day profile, about a few companies and four topics."""
    rng = np.random.default_rng(seed)
    hours = np.array([1, 1, 1, 1, 1, 2, 3, 5, 6, 6, 6, 6, 6, 7, 8, 8, 7, 6, 5, 4, 3, 2, 2, 1], dtype=float)
    labels = ("negative", "neutral", "positive")
    out = []
    for day in range(days):
        for number in range(per_day):
            at = START + timedelta(
                days=day,
                hours=int(rng.choice(24, p=hours / hours.sum())),
                seconds=float(rng.uniform(0, 3599)),
            )
            company = (f"us.c{rng.integers(companies)}",) if rng.random() < 0.85 else ()
            label = labels[rng.choice(3, p=[negative, 0.5, 0.5 - negative])]
            out.append(
                Doc(
                    f"o{seed}-{day}-{number}", at, company, label, f"wire-{rng.integers(20)}",
                    topic=("macro", "earnings", "energy_oil", "politics")[rng.integers(4)],
                    source_class="news" if rng.random() < 0.5 else "social", partition=int(rng.integers(2)),
                )
            )  # fmt: skip
    return out


def surge(
    at: datetime, stories: int, hours: float, entity: str = "us.c1", *, seed: int = 1, **options: object
) -> list[Doc]:
    """Distinct stories about one company, from many sources; negative unless told otherwise."""
    rng = np.random.default_rng(seed)
    options.setdefault("sentiment", "negative")
    times = np.sort(rng.uniform(0, hours * 3600, stories))
    return [
        Doc(
            f"s{seed}-{entity}-{n}",
            at + timedelta(seconds=float(t)),
            (entity,) if entity else (),
            source=f"wire-{n % 9}",
            **options,
        )  # type: ignore[arg-type]
        for n, t in enumerate(times)
    ]


def in_order(documents: Iterable[Doc]) -> list[Doc]:
    """As published: by event time, each with its partition's watermark before it."""
    return with_watermarks(sorted(documents, key=lambda doc: (doc.at, doc.key)))
