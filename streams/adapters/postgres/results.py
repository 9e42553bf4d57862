"""What a run has stored, as counts and as one digest that equal input always gives."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from psycopg import sql

from streams.adapters.postgres.erasure_ledger import ledger_digest
from streams.domain.comparison import AlertRow
from streams.errors import Misconfigured

if TYPE_CHECKING:
    from datetime import datetime

    from streams.adapters.postgres.connection import Database

# Left out: surrogate keys and the database clock.
IGNORED = frozenset({"run_id", "recorded_at"})
FINAL_TABLES = (
    "document", "document_history", "mention", "mention_history", "dead_letter", "window_agg", "window_history",
    "window_status", "story", "hour_count", "alert_episode", "alert_history", "alert_event", "alert_document",
    "alert_document_history",
)  # fmt: skip
# Tables of a run that say nothing which those above do not say.
NOT_RESULTS = {
    "document_key": "which version is current, and where: follows from document",
    "source_progress": "how far the input was read, not what came of it",
    "watermark_step": "how the input moved: what follows from it is known_at and window_status",
}
COUNTED = ("document", "mention", "window_agg", "window_status", "story", "alert_episode", "dead_letter")
PLURALS = {"story": "stories", "window_status": "window_status", "alert_episode": "alerts"}
FETCH_ROWS = 5_000


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """A digest of all final tables and of the erasure ledger they were made under, and one of each."""

    digest: str
    tables: dict[str, str]


async def fingerprint(database: Database, name: str) -> Fingerprint:
    """SHA-256 over the content of a run's final tables, rows in a fixed order.

    Raises:
        Misconfigured: there is no run of that name.
    """
    tables = {}
    async with database.transaction() as connection:
        await connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        await connection.execute("SET LOCAL TIME ZONE 'UTC'")
        tables["erasure_ledger"] = await ledger_digest(connection)
        run_id = await run_id_of(connection, name)
        for table in FINAL_TABLES:
            tables[table] = await table_digest(connection, table, run_id)
    whole = hashlib.sha256("\n".join(f"{table} {digest}" for table, digest in tables.items()).encode())
    return Fingerprint(whole.hexdigest(), tables)


async def run_id_of(connection: Any, name: str) -> int:
    """The id of a run by its name."""
    row = await (await connection.execute("SELECT run_id FROM core.run WHERE name = %s", (name,))).fetchone()
    if row is None:
        msg = f"there is no run {name!r}; `sentiwatch run list` names them"
        raise Misconfigured(msg)
    return int(row[0])


async def rows_id_of(connection: Any, name: str) -> int:
    """The id of the run whose documents and mentions a run judges: mostly its own."""
    run_id = await run_id_of(connection, name)
    cursor = await connection.execute(
        "SELECT coalesce(base_run_id, run_id) FROM core.run WHERE run_id = %s", (run_id,)
    )
    return int((await cursor.fetchone())[0])


async def table_digest(connection: Any, table: str, run_id: int) -> str:
    """SHA-256 over one table's rows as text, in the order of that text (bytewise, not by locale)."""
    cursor = await connection.execute(
        "SELECT column_name FROM information_schema.columns WHERE table_schema = 'core' AND table_name = %s"
        " ORDER BY column_name",
        (table,),
    )
    columns = [row[0] for row in await cursor.fetchall()]
    kept = [name for name in columns if name not in IGNORED]
    query = sql.SQL(
        'SELECT ROW({})::text AS line FROM core.{} WHERE run_id = %s ORDER BY ROW({})::text COLLATE "C"'
    ).format(
        sql.SQL(", ").join(map(sql.Identifier, kept)),
        sql.Identifier(table),
        sql.SQL(", ").join(map(sql.Identifier, kept)),
    )
    digest = hashlib.sha256()
    async with connection.cursor(name=f"digest_{table}") as cursor:
        cursor.itersize = FETCH_ROWS
        await cursor.execute(query, (run_id,))
        async for (line,) in cursor:
            digest.update(line.encode())
            digest.update(b"\n")
    return digest.hexdigest()


async def summaries(database: Database) -> list[dict[str, Any]]:
    """All runs, oldest first."""
    async with database.transaction() as connection:
        rows = await (await connection.execute("SELECT name FROM core.run ORDER BY run_id")).fetchall()
    return [await describe(database, row[0]) for row in rows]


async def describe(database: Database, name: str) -> dict[str, Any]:
    """One run with its row counts."""
    async with database.transaction() as connection:
        run_id = await run_id_of(connection, name)
        cursor = await connection.execute(
            "SELECT r.name, r.kind, r.notify, r.settings, r.gazetteer_version, r.closed_until, b.name AS base, r.since,"
            " r.until, r.request FROM core.run r LEFT JOIN core.run b ON b.run_id = r.base_run_id WHERE r.run_id = %s",
            (run_id,),
        )
        row = await cursor.fetchone() or ()
        names = [column.name for column in cursor.description or ()]
        result = dict(zip(names, row, strict=True))
        for table in COUNTED:
            query = sql.SQL("SELECT count(*) FROM core.{} WHERE run_id = %s").format(sql.Identifier(table))
            counted = await (await connection.execute(query, (run_id,))).fetchone() or (0,)
            result[PLURALS.get(table, f"{table}s")] = counted[0]
    return result


OUTCOME = """
    SELECT (SELECT count(*) FROM core.document WHERE run_id = %(run)s) AS documents,
           (SELECT count(*) FROM core.mention WHERE run_id = %(run)s) AS mentions,
           (SELECT count(*) FROM core.window_agg WHERE run_id = %(run)s) AS windows,
           (SELECT count(*) FROM core.alert_episode
            WHERE run_id = %(run)s AND opened_at >= coalesce(%(since)s::timestamptz, '-infinity')) AS alerts,
           (SELECT count(*) FROM core.alert_episode WHERE run_id = %(run)s AND opened_at < %(since)s) AS alerts_in_warm_up,
           (SELECT count(*) FROM core.dead_letter WHERE run_id = %(run)s) AS dead_letters,
           (SELECT count(*) FROM core.mention
            WHERE run_id = %(run)s AND entity_id = 'MARKET'
              AND known_pane > date_bin('5 minutes', event_time, 'epoch') + interval '5 minutes') AS late
"""


async def outcome_counts(database: Database, name: str, since: datetime | None) -> dict[str, int]:
    """Rows of a run; alerts opened before ``since`` belong to its warm-up."""
    async with database.transaction() as connection:
        run_id = await run_id_of(connection, name)
        cursor = await connection.execute(OUTCOME, {"run": run_id, "since": since})
        row = await cursor.fetchone() or ()
        return dict(zip([column.name for column in cursor.description or ()], row, strict=True))


async def alert_rows(database: Database, name: str) -> list[AlertRow]:
    """The alerts of a run, for comparison with another's; those of its warm-up are left out."""
    async with database.transaction() as connection:
        run_id = await run_id_of(connection, name)
        cursor = await connection.execute(
            "SELECT dedup_key, opened_at, severity, observed, expected, p_value FROM core.alert_episode JOIN core.run USING"
            " (run_id) WHERE run_id = %s AND (since IS NULL OR opened_at >= since) ORDER BY dedup_key, opened_at",
            (run_id,),
        )
        return [AlertRow(*row) for row in await cursor.fetchall()]
