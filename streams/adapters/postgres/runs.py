"""Runs and their partitions: every row belongs to a run, and a run goes by detaching its partitions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from psycopg import sql
from psycopg.types.json import Jsonb

from streams.errors import Misconfigured

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from psycopg import AsyncConnection

    from streams.adapters.postgres.connection import Database

# Cut by month in a live run; a replay is dropped as a whole and needs no months. Stories are assigned after the rows are
# written: room on the page (`updated` of core.make_partitions) makes that update cheap, since no index is touched.
MONTHLY = ("document", "mention")
PARTITIONED = (
    *MONTHLY, "document_key", "document_history", "mention_history", "source_progress", "watermark_step", "window_agg",
    "window_status", "window_history", "story", "hour_count", "alert_episode", "alert_history", "alert_event",
    "alert_document", "alert_document_history", "dead_letter",
)  # fmt: skip
# Of the settings of time these may change in a run; they hold from then on.
CHANGEABLE = frozenset({"horizon", "silent_after"})
# Names its lock in pg_locks; any fixed number does.
CREATION_LOCK = 0x5E17


@dataclass(frozen=True, slots=True)
class Run:
    """A row of core.run."""

    run_id: int
    name: str
    notify: bool
    kind: str = "live"
    base_run_id: int | None = None
    """The run whose documents it judges anew; it has none of its own then."""

    @property
    def rows_id(self) -> int:
        """The run whose documents and mentions are read."""
        return self.run_id if self.base_run_id is None else self.base_run_id

    @property
    def monthly(self) -> bool:
        """Whether documents and mentions are cut by month; a replay is dropped as a whole and needs no months."""
        return self.kind == "live"


async def find_run(connection: AsyncConnection[Any], name: str) -> Run | None:
    """The run of that name, if there is one."""
    cursor = await connection.execute(
        "SELECT run_id, name, notify, kind, base_run_id FROM core.run WHERE name = %s", (name,)
    )
    row = await cursor.fetchone()
    return Run(*row) if row else None


async def run_settings(connection: AsyncConnection[Any], name: str) -> dict[str, Any]:
    """The settings that a run was made with, as far as they shape its result."""
    cursor = await connection.execute("SELECT settings FROM core.run WHERE name = %s", (name,))
    row = await cursor.fetchone()
    return dict(row[0]) if row else {}


async def ensure_run(
    connection: AsyncConnection[Any],
    name: str,
    *,
    kind: str,
    notify: bool,
    settings: Mapping[str, Any],
    gazetteer: str,
) -> Run:
    """The run of that name, made with its partitions when missing. Safe to call from several workers at once."""
    await connection.execute("SELECT pg_advisory_xact_lock(%s)", (CREATION_LOCK,))
    found = await find_run(connection, name)
    if found:
        await _keep_settings(connection, found, settings)
        return found
    cursor = await connection.execute(
        "INSERT INTO core.run (name, kind, notify, settings, gazetteer_version) VALUES (%s, %s, %s, %s, %s) RETURNING run_id",
        (name, kind, notify, Jsonb(dict(settings)), gazetteer),
    )
    row = await cursor.fetchone()
    if row is None:
        msg = "INSERT … RETURNING gave no row"
        raise AssertionError(msg)
    run_id = int(row[0])
    # the functions have an owner's rights; the writer has not
    await connection.execute(
        "SELECT core.make_partitions(%s, %s, %s)",
        (run_id, list(MONTHLY) if kind == "live" else [], list(MONTHLY)),
    )
    return Run(run_id, name, notify, kind)


async def _keep_settings(connection: AsyncConnection[Any], run: Run, settings: Mapping[str, Any]) -> None:
    """Thresholds may change in a run and are noted; what decides lateness and windows may not.

    Raises:
        Misconfigured: the time settings are not those the run was made with.
    """
    cursor = await connection.execute("SELECT settings FROM core.run WHERE run_id = %s", (run.run_id,))
    row = await cursor.fetchone()
    stored = dict(row[0]) if row else {}
    before, now = stored.get("time") or {}, settings.get("time") or {}
    # a setting that a later release brought is not a change
    same = (before.keys() & now.keys()) - CHANGEABLE
    changed = sorted(name for name in same if before[name] != now[name])
    if changed:
        raise Misconfigured(
            f"run {run.name} was made with other settings of time ({', '.join(changed)}): "
            "put them back, or use another SENTIWATCH_RUN"
        )
    if stored != settings:
        await connection.execute(
            "UPDATE core.run SET settings = %s WHERE run_id = %s", (Jsonb(dict(settings)), run.run_id)
        )


def month_of(time: datetime) -> tuple[int, int]:
    """Year and month (UTC) of a time."""
    return time.year, time.month


async def ensure_months(
    connection: AsyncConnection[Any], run_id: int, months: Iterable[tuple[int, int]]
) -> None:
    """Make the monthly partitions that are missing.

    A new month is made as a table of its own and then attached, which locks the parent against other DDL only; CREATE …
    PARTITION OF would stop every reader and writer of the run.
    """
    await connection.execute("SELECT pg_advisory_xact_lock(%s)", (CREATION_LOCK,))
    for year, month in sorted(set(months)):
        for table in MONTHLY:
            await connection.execute("SELECT core.make_month(%s, %s, %s, %s)", (table, run_id, year, month))


async def drop_run(database: Database, name: str) -> None:
    """Remove a run: detach its partitions without locking the parents against readers and writers, then drop them.

    Raises:
        Misconfigured: there is no such run, it is the live one, or another run judged its rows.
    """
    async with database.transaction() as connection:
        run = await find_run(connection, name)
        cursor = await connection.execute(
            "SELECT r.name FROM core.run r JOIN core.run b ON b.run_id = r.base_run_id WHERE b.name = %s ORDER BY 1",
            (name,),
        )
        judging = [row[0] for row in await cursor.fetchall()]
    if run is None or name == "live":
        msg = f"run {name!r} cannot be dropped: " + (
            "it is the live one" if run else "there is none of that name"
        )
        raise Misconfigured(msg)
    if judging:
        raise Misconfigured(f"run {name!r} is what {', '.join(judging)} judged: drop those first")
    async with database.autocommit() as connection:
        for table in PARTITIONED:
            names = {"parent": sql.Identifier(table), "child": sql.Identifier(f"{table}_r{run.run_id}")}
            detach = "ALTER TABLE core.{parent} DETACH PARTITION core.{child} CONCURRENTLY"
            await connection.execute(sql.SQL(detach).format(**names))
            await connection.execute(sql.SQL("DROP TABLE core.{child}").format(**names))
    async with database.transaction() as connection:
        for statement in (
            "DELETE FROM core.dirty_window WHERE run_id = %s",
            "DELETE FROM core.outbox WHERE run_id = %s",
            "DELETE FROM core.dead_letter_event WHERE run_id = %s",
            "DELETE FROM core.run WHERE run_id = %s",
        ):
            await connection.execute(statement, (run.run_id,))
