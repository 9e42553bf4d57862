# ruff: noqa: S608 - statements of our own over our own names
"""Erasing: nothing of it is left in any table, the rest is folded again, and it does not come back."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import psycopg
import pytest

from streams.adapters.postgres.closing import PostgresClosingStore
from streams.adapters.postgres.erasing import Request, erase
from streams.adapters.postgres.erasure_ledger import check_keys
from streams.adapters.postgres.results import fingerprint
from streams.domain.batch import Batch
from streams.domain.document import SourceClass
from streams.domain.pseudonym import AuthorKey, KeyRing
from streams.errors import Misconfigured
from streams.settings import Settings
from streams.stages.close_windows import Closer
from tests.builders import NOON, batch, dead_letter, document, minutes, move, new_score, raw_record, scored
from tests.databases import document_store, open_run, row_maker
from tests.stored import drop_database, fresh_database

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streams.adapters.postgres.connection import Database
    from streams.adapters.postgres.runs import Run

pytestmark = pytest.mark.integration

HANDLE, TEXT = "zorgblatt", "Quixotic marmalade sinks Acme"
RING = row_maker().keys
# Columns that may hold text or bytes of what was fed in, or be told apart by it; every other one must be listed here.
COVERED = {
    "document.*", "document_history.*", "mention.*", "mention_history.*", "document_key.*",
    "alert_document.*", "alert_document_history.*", "alert_history.evidence", "score.text_hash", "score.target",
    "story.signature", "alert_episode.evidence", "alert_event.detail", "outbox.record_value", "outbox.record_key",
    "outbox.headers", "dead_letter.payload", "dead_letter.record_key", "dead_letter.record_headers",
    "dead_letter.payload_sha256",
}  # fmt: skip
# Our own vocabulary, names of feeds, and the reference tables.
FREE = {
    "run.*", "entity.*", "entity_alias.*", "topic.*", "model_version.*", "author_key.*", "erasure_ledger.*", "source.*",
    "source_progress.*", "watermark_step.*", "window_agg.*", "window_status.*", "score.model", "score.model_version",
    "alert_episode.alert_id", "alert_episode.dedup_key", "alert_episode.rule", "alert_episode.entity_id",
    "alert_episode.topic", "alert_episode.source_class", "alert_episode.severity", "alert_episode.state",
    "alert_episode.span", "alert_event.alert_id", "alert_event.kind", "alert_history.*", "outbox.topic",
    "window_history.*", "hour_count.*", "experiment_result.*", "dead_letter_event.*",  # the operator's own words
    "dead_letter.kafka_topic", "dead_letter.reason", "dead_letter.detail",
}  # fmt: skip


@pytest.fixture
def url(postgres_url: str) -> Iterator[str]:
    made = fresh_database(postgres_url)
    yield made
    drop_database(postgres_url, made)


def dump(url: str) -> str:
    """Every row of every table, bytes as the characters they are."""
    with psycopg.connect(url) as connection:
        tables = connection.execute(
            "SELECT oid::regclass::text FROM pg_class WHERE relkind IN ('r', 'p') AND NOT relispartition"
            " AND relnamespace = 'core'::regnamespace"
        ).fetchall()
        rows = [row for (table,) in tables for row in connection.execute(f"SELECT * FROM {table}")]
    return "\n".join(
        " ".join(value.decode("latin-1") if isinstance(value, bytes) else str(value) for value in row)
        for row in rows
    )


def posts(count: int = 3, author: str = "", **changes):
    """Copies of one text a minute apart, the first one by the author to be erased."""
    for n in range(count):
        yield scored(
            document(
                source_id=f"post-{n}", source_class=SourceClass.SOCIAL, title="", content=TEXT, author=author or f"other{n}",
                event_time=NOON + minutes(n), source_time=NOON + minutes(n), **changes,
            ),
            record=raw_record(n),
            entities=("x.acme",),
        )  # fmt: skip


async def persist(database: Database, run: Run, *items, letters=(), first: int = 0) -> None:
    store = document_store(database, run)
    await store.register({move().source: (SourceClass.NEWS, 0)})
    answers = tuple({s.key: s for item in items for s in [new_score(item.enriched.text)]}.values())
    stretch = move(first, first + max(1, len(items)), watermark=NOON + minutes(len(items)))
    await store.persist(Batch((stretch,), items, tuple(letters), answers))


async def close(database: Database, run: Run) -> None:
    settings = Settings()
    closer = Closer(PostgresClosingStore(database, run, settings), settings, run.name)
    while not (await closer.step(end_of_input=True)).caught_up:
        pass


async def counts(database: Database, query: str, *values):
    async with database.transaction() as connection:
        return await (await connection.execute(query, values)).fetchall()


async def test_after_an_author_is_erased_a_full_dump_holds_neither_text_nor_handle(url):
    letter = dead_letter(7, json.dumps({"text": TEXT, "by": f"@{HANDLE.upper()}"}).encode())
    async with open_run(url) as (database, run):
        by_author = list(posts(1, author=f"@{HANDLE}"))
        await persist(database, run, *by_author, letters=[letter])
        await close(database, run)
        assert TEXT in dump(url)
        erased = await erase(database, Request(handle=HANDLE), RING)
        await close(database, run)
        assert (erased.documents, erased.rows["dead_letter"]) == (1, 1)
        assert {(place.topic, place.offset) for place in erased.places} == {
            ("news.raw.v1", 0),
            ("news.raw.v1", 7),
        }
        left = dump(url)
        for gone in (TEXT, HANDLE, "post-0", by_author[0].enriched.text_hash.decode("latin-1")):
            assert gone.lower() not in left.lower()
        assert await counts(database, "SELECT count(*) FROM core.window_agg") == [(0,)]


async def test_what_is_left_is_folded_again_as_if_the_erased_had_never_been_there(url):
    prints = []
    async with open_run(url) as (database, run):
        await persist(database, run, *posts(3))
        await close(database, run)
        await erase(database, Request(document=next(posts(1)).enriched.document.document_id), RING)
        await close(database, run)
        prints.append(await fingerprint(database, run.name))
    async with open_run(url, name="replayed") as (database, run):
        await persist(database, run, *posts(3))
        await close(database, run)
        prints.append(await fingerprint(database, run.name))
        assert await counts(
            database, "SELECT max(buzz), max(stories) FROM core.window_agg WHERE window_size = '1d'"
        ) == [(2, 1)]
    assert prints[0].tables == prints[1].tables


async def test_a_redelivery_and_a_later_version_stay_out(url):
    async with open_run(url) as (database, run):
        await persist(database, run, *posts(1))
        await erase(database, Request(document=next(posts(1)).enriched.document.document_id), RING)
        await persist(database, run, *posts(1, revision=4), first=1)
        assert await counts(database, "SELECT count(*) FROM core.document") == [(0,)]
        assert await counts(database, "SELECT count(*) FROM core.score") == [(0,)]
        assert await counts(database, "SELECT next_offset FROM core.source_progress") == [(2,)]


async def test_an_author_erased_before_the_first_document_never_comes_in(url):
    async with open_run(url) as (database, run):
        await erase(database, Request(handle=HANDLE), RING)
        await persist(database, run, *posts(2, author=HANDLE.upper()))
        assert TEXT not in dump(url)


async def test_the_ledger_is_an_input_of_the_fingerprint(url):
    async with open_run(url) as (database, run):
        await persist(database, run, *posts(1))
        before = await fingerprint(database, run.name)
        await erase(database, Request(handle="somebody"), RING)
        after = await fingerprint(database, run.name)
        assert before.tables["document"] == after.tables["document"]
        assert before.digest != after.digest
        await erase(database, Request(handle="@Somebody"), RING)
        assert (await fingerprint(database, run.name)).digest == after.digest


async def test_every_run_is_erased_from(url):
    async with open_run(url) as (database, run), open_run(url, kind="replay") as (_, replay):
        for each in (run, replay):
            await persist(database, each, *posts(1))
        erased = await erase(database, Request(document=next(posts(1)).enriched.document.document_id), RING)
        assert (erased.documents, erased.rows["document"]) == (1, 2)
        assert set(erased.runs) == {run.name, replay.name}


async def test_scores_of_copies_by_others_are_kept(url):
    async with open_run(url) as (database, run):
        await persist(database, run, *posts(2))
        erased = await erase(database, Request(document=next(posts(1)).enriched.document.document_id), RING)
        assert erased.rows["score"] == 0


async def test_what_is_being_written_meanwhile_is_erased_or_left_out(url):
    ids = [item.enriched.document.document_id for item in posts(40)]
    async with open_run(url) as (database, run):
        store = document_store(database, run)
        await store.register({move().source: (SourceClass.NEWS, 0)})

        async def write() -> None:
            for n, item in enumerate(posts(40)):
                await store.persist(batch(n, item))

        async def remove() -> None:
            for each in ids:
                await erase(database, Request(document=each), RING)

        await asyncio.gather(write(), remove())
        assert await counts(database, "SELECT count(*) FROM core.document") == [(0,)]
        assert await counts(database, "SELECT count(*) FROM core.mention") == [(0,)]


async def test_evidence_and_messages_of_alerts_lose_the_texts(url):
    quoted = json.dumps({"top": [TEXT], "observed": 7})
    async with open_run(url) as (database, run):
        await persist(database, run, *posts(1))
        async with database.transaction() as connection:
            await connection.execute(
                "INSERT INTO core.alert_event (run_id, alert_id, at, kind, detail) VALUES (%s, 'a', now(), 'opened', %s)",
                (run.run_id, quoted),
            )
            await connection.execute(
                "INSERT INTO core.outbox (run_id, topic, record_key, record_value) VALUES (%s, 'alerts.v1', 'k', %s)",
                (run.run_id, quoted.encode()),
            )
        await erase(database, Request(document=next(posts(1)).enriched.document.document_id), RING)
        left = dump(url)
        assert TEXT not in left
        assert left.count("observed") == 2


def test_every_column_that_may_hold_a_text_is_erased_or_known_to_be_free_of_it(url):
    with psycopg.connect(url) as connection:
        found = connection.execute(
            "SELECT c.relname, a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid"
            " WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relnamespace = 'core'::regnamespace AND a.attnum > 0"
            " AND NOT a.attisdropped AND a.atttypid IN ('text'::regtype, 'bytea'::regtype, 'jsonb'::regtype, 'text[]'::regtype)"
        ).fetchall()
    unknown = [
        f"{table}.{column}"
        for table, column in found
        if not {f"{table}.*", f"{table}.{column}"} & (COVERED | FREE)
    ]
    assert unknown == [], (
        "erase them (streams.adapters.postgres.erasing), or list them here as free of texts and handles"
    )


async def test_a_handle_is_not_looked_for_with_other_keys_than_it_was_stored_under(url):
    async with open_run(url) as (database, run):
        await persist(database, run, *posts(1, author=HANDLE))
        async with database.transaction() as connection:
            await check_keys(connection, RING)
        for wrong in (AuthorKey(1, b"other-secret"), AuthorKey(2, b"secret")):
            with pytest.raises(Misconfigured, match="author key"):
                await erase(database, Request(handle=HANDLE), KeyRing.of([wrong]))
        assert (await erase(database, Request(handle=HANDLE), RING)).documents == 1


async def test_a_changed_key_under_its_old_version_is_refused_without_telling_either(url):
    async with open_run(url) as (database, _):

        async def check(*keys: AuthorKey) -> None:
            async with database.transaction() as connection:
                await check_keys(connection, KeyRing.of(list(keys)))

        first = AuthorKey(1, b"first-secret")
        await check(first)
        await check(first, AuthorKey(2, b"second-secret", NOON))
        with pytest.raises(Misconfigured, match="version 1") as refused:
            await check(AuthorKey(1, b"other-secret"))
        assert "secret" not in str(refused.value)
        with pytest.raises(Misconfigured, match="from another time"):
            await check(first, AuthorKey(2, b"second-secret", NOON + minutes(1)))
