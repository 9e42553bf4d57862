"""Each role can do its work and nothing else: shown by trying."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import psycopg
import pytest
from psycopg import errors, sql

from streams.adapters.postgres.closing import PostgresClosingStore
from streams.adapters.postgres.connection import Database
from streams.adapters.postgres.erasing import Request, erase
from streams.adapters.postgres.erasure_ledger import check_keys
from streams.adapters.postgres.migrate import check, downgrade, head, upgrade
from streams.adapters.postgres.registry import load_reference
from streams.adapters.postgres.results import fingerprint
from streams.errors import Misconfigured
from streams.gazetteer.catalogue import Gazetteer
from streams.settings import Settings
from streams.stages.close_windows import Closer
from tests.builders import NEWS, NOON, batch, dead_letter, document, scored
from tests.databases import document_store, open_run, row_maker
from tests.stored import drop_database, fresh_database

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.integration

GROUPS = {"writer": "sentiwatch_writer", "retention": "sentiwatch_retention", "reader": "bi_reader"}
# A row of a live run, so that an UPDATE or DELETE that is let through would have something to hit.
REFUSED = {
    "writer": [
        "CREATE TABLE core.mine (n int)",
        "CREATE TABLE public.mine (n int)",
        "DROP TABLE core.document",
        "ALTER TABLE core.document ADD mine int",
        "TRUNCATE core.document",
        "UPDATE core.alert_event SET kind = 'resolved'",
        "DELETE FROM core.alert_event",
        "INSERT INTO core.erasure_ledger (request_id, kind) VALUES (gen_random_uuid(), 'document')",
        "DELETE FROM core.erasure_ledger",
        "UPDATE core.author_key SET check_value = ''",
        "UPDATE public.alembic_version SET version_num = '0'",
        "SELECT core.drop_month('document', 1, 2026, 3)",
        "SELECT core.grant_rights()",
        "CREATE VIEW bi_v1.mine AS SELECT * FROM core.document",
        "CREATE ROLE another",
        "SELECT rolpassword FROM pg_authid",
        "COPY (SELECT 1) TO PROGRAM 'true'",
        "SELECT pg_read_file('/etc/passwd')",
    ],
    "retention": [
        "INSERT INTO core.document_key SELECT * FROM core.document_key",
        "UPDATE core.mention SET p_neg = 0",
        "UPDATE core.document SET title = 'mine'",
        "DELETE FROM core.erasure_ledger",
        "DELETE FROM core.run",
        "TRUNCATE core.document",
        "DROP TABLE core.document",
        "SELECT core.make_partitions(99, '{}', '{}')",
        "SELECT rolpassword FROM pg_authid",
    ],
    "reader": [
        "SELECT * FROM core.document",
        "SELECT author_key FROM core.document",
        "SELECT payload FROM core.dead_letter",
        "SELECT * FROM core.erasure_ledger",
        "SELECT core.make_partitions(99, '{}', '{}')",
        "CREATE TABLE bi_v1.mine (n int)",
        "CREATE TABLE public.mine (n int)",
        "UPDATE bi_v1.topics SET title = 'mine'",
        "SELECT rolpassword FROM pg_authid",
    ],
    "owner": ["COPY (SELECT 1) TO PROGRAM 'true'", "SELECT rolpassword FROM pg_authid", "CREATE ROLE another SUPERUSER"],
}  # fmt: skip


@pytest.fixture(scope="module")
def urls(postgres_url: str) -> Iterator[dict[str, str]]:
    """A migrated database with one live run, and a login for each role."""
    url = fresh_database(postgres_url)
    made, found = {}, {"owner": url}
    place = url.rpartition("@")[2]
    with psycopg.connect(url, autocommit=True) as connection:
        for name, group in GROUPS.items():
            login, password = f"test_{name}_{secrets.token_hex(4)}", secrets.token_hex(8)
            connection.execute(
                sql.SQL("CREATE ROLE {} LOGIN PASSWORD {} IN ROLE {}").format(
                    sql.Identifier(login), sql.Literal(password), sql.Identifier(group)
                )
            )
            made[name] = login
            found[name] = f"postgresql://{login}:{password}@{place}"
    yield found
    drop_database(postgres_url, url)
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        for login in made.values():
            connection.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(login)))


async def work(url: str, name: str) -> str:
    """What a worker does in Postgres, from its start-up checks to closed windows; the run's fingerprint."""
    assert check(url) == head()
    settings = Settings()
    async with open_run(url, name=name) as (database, run):
        async with database.transaction() as connection:
            await load_reference(connection, Gazetteer.load())
            await check_keys(connection, row_maker().keys)
        store = document_store(database, run)
        from streams.domain.document import SourceClass

        await store.register({NEWS: (SourceClass.NEWS, 0)})
        await store.persist(batch(0, scored(), scored(document(revision=1)), dead_letters=(dead_letter(9),)))
        closer = Closer(PostgresClosingStore(database, run, settings), settings, run.name)
        while not (await closer.step(end_of_input=True)).caught_up:
            pass
        return (await fingerprint(database, run.name)).digest


async def test_the_writer_does_all_of_a_workers_work(urls):
    assert await work(urls["writer"], "by-the-writer") == await work(urls["owner"], "by-the-owner")


@pytest.mark.parametrize(
    ("role", "statement"), [(role, each) for role, all_ in REFUSED.items() for each in all_]
)
def test_a_role_is_refused_what_is_not_its_work(urls, role, statement):
    with psycopg.connect(urls[role]) as connection:
        connection.execute("SET TRANSACTION READ WRITE")
        with pytest.raises(errors.InsufficientPrivilege):
            connection.execute(statement)


async def test_the_retention_job_drops_months_and_deletes_rows(urls):
    await work(urls["owner"], "to-be-forgotten")
    with psycopg.connect(urls["retention"]) as connection:
        (run,) = connection.execute("SELECT run_id FROM core.run WHERE name = 'to-be-forgotten'").fetchone()
        for parent in ("mention", "document"):
            dropped = connection.execute(
                "SELECT core.drop_month(%s, %s, %s, %s)", (parent, run, NOON.year, NOON.month)
            ).fetchone()
            assert dropped == (True,)
        assert connection.execute(
            "SELECT count(*) FROM core.document WHERE run_id = %s", (run,)
        ).fetchone() == (0,)
        assert connection.execute("DELETE FROM core.document_key WHERE run_id = %s", (run,)).rowcount == 1


def test_only_a_month_of_a_run_can_be_dropped(urls):
    with psycopg.connect(urls["retention"]) as connection:
        for parent in ("document", "run", "nothing"):
            found = connection.execute("SELECT core.drop_month(%s, 1, 1999, 1)", (parent,)).fetchone()
            assert found == (False,)


def test_the_reader_reads_every_view_of_the_contract(urls):
    with psycopg.connect(urls["reader"]) as connection:
        views = connection.execute("SELECT viewname FROM pg_views WHERE schemaname = 'bi_v1'").fetchall()
        assert len(views) >= 10
        for (view,) in views:
            connection.execute(sql.SQL("SELECT * FROM bi_v1.{} LIMIT 1").format(sql.Identifier(view)))


async def test_erasing_takes_the_rights_of_the_owner(urls):
    async def by(role: str) -> None:
        database = Database(urls[role], 1)
        await database.open()
        try:
            await erase(database, Request(handle="somebody"), row_maker().keys)
        finally:
            await database.close()

    await by("owner")
    for role in ("writer", "retention", "reader"):
        with pytest.raises(Misconfigured, match="lacks a right"):
            await by(role)


@pytest.mark.parametrize("role", ["writer", "retention", "reader"])
def test_migrating_takes_the_rights_of_the_owner(urls, role):
    with pytest.raises(Misconfigured, match="lacks a right"):
        downgrade(urls[role], "-1")
    assert check(urls["owner"]) == head()


def test_an_upgrade_covers_tables_that_came_since(urls):
    with psycopg.connect(urls["owner"]) as connection:
        connection.execute("CREATE TABLE core.later (n int)")
    upgrade(urls["owner"])
    with psycopg.connect(urls["writer"]) as connection:
        connection.execute("INSERT INTO core.later VALUES (1)")
    with psycopg.connect(urls["owner"]) as connection:
        connection.execute("DROP TABLE core.later")


async def test_the_retention_job_runs_with_its_own_rights(urls):
    from datetime import timedelta

    from streams.adapters.postgres.retention import retain
    from streams.domain.document import SourceClass
    from streams.settings import RetentionSettings, TimeSettings

    settings = Settings(
        time=TimeSettings(horizon=timedelta(days=60)),
        retention=RetentionSettings(documents=timedelta(days=60)),
    )
    old = NOON - timedelta(days=150)
    async with open_run(urls["owner"], name="aged") as (database, run):
        store = document_store(database, run)
        await store.register({NEWS: (SourceClass.NEWS, 0)})
        await store.persist(
            batch(0, scored(document(source_id="old", event_time=old, source_time=old)), scored())
        )
        closer = Closer(PostgresClosingStore(database, run, settings), settings, run.name)
        while not (await closer.step(end_of_input=True)).caught_up:
            pass
    database = Database(urls["retention"], 2)
    await database.open()
    try:
        done = await retain(database, settings, "aged", dry_run=False)
    finally:
        await database.close()
    assert done.dropped == [f"{old:%Y-%m}"]
    assert done.rows["document"] == 1
