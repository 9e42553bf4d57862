"""Months of a live run: made before they are needed, dropped when they are old enough, evidence of alerts excepted."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from psycopg import sql

from streams.adapters.postgres.runs import MONTHLY, Run, ensure_months, find_run
from streams.errors import Misconfigured

if TYPE_CHECKING:
    from psycopg import AsyncConnection

    from streams.adapters.postgres.connection import Database
    from streams.settings import Settings

# A baseline, its margin, and some days in which nobody has to hurry.
BEYOND_BASELINE = timedelta(days=7)
Month = tuple[int, int]

ATTACHED = """
    SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
    WHERE i.inhparent = to_regclass(%s) AND coalesce(obj_description(c.oid, 'pg_class'), '') NOT LIKE 'evidence%%'
    ORDER BY 1
"""
# What is not cut by month: superseded versions, identities, leaders. Alerts keep what their figures rest on.
STRAYS = {
    "mention_history": "NOT core.is_evidence(run_id, entity_id, topic, companies, event_time)",
    "document_history": "document_id NOT IN (SELECT document_id FROM core.alert_document WHERE run_id = %(run)s)"
    " AND NOT EXISTS (SELECT FROM core.mention_history m WHERE m.run_id = t.run_id AND m.document_id = t.document_id)",
    "document_key": "NOT EXISTS (SELECT FROM core.document d WHERE d.run_id = t.run_id AND d.document_id = t.document_id)",
}


@dataclass(slots=True)
class Retained:
    """What was done, or would be."""

    run: str
    until: datetime | None = None
    """Months that end by then are due."""
    made: list[str] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)
    rows: dict[str, int] = field(default_factory=dict)
    """Rows that went, by table."""


def check_settings(settings: Settings) -> timedelta:
    """The age at which documents go; zero keeps them for ever.

    Raises:
        Misconfigured: documents would go that records may still change, or that baselines are fitted from.
    """
    age, horizon = settings.retention.documents, settings.time.horizon
    if not age:
        return age
    if not horizon or age < horizon:
        raise Misconfigured(
            "SENTIWATCH_RETENTION__DOCUMENTS needs SENTIWATCH_TIME__HORIZON, and may not be shorter: a record for a month"
            " that is gone would fold its windows from that record alone"
        )
    if age < settings.detector.baseline + BEYOND_BASELINE:
        least = (settings.detector.baseline + BEYOND_BASELINE).days
        raise Misconfigured(f"SENTIWATCH_RETENTION__DOCUMENTS: at least {least} days, a baseline and a week")
    return age


async def retain(database: Database, settings: Settings, name: str, *, dry_run: bool) -> Retained:
    """Make the coming months of a live run, then drop those that are due, one transaction each.

    Raises:
        Misconfigured: no such run, a replay (drop it as a whole), or settings that do not fit together.
        Unavailable: a month is in use for longer than two seconds; it stays as it is, and the next call goes on.
    """
    age = check_settings(settings)
    async with database.transaction() as connection:
        run, closed = await _live_run(connection, name)
    done = Retained(name)
    if closed is None:
        return done
    async with database.transaction() as connection:
        done.made = await _make_ahead(
            connection, run, closed, settings.retention.months_ahead, dry_run=dry_run
        )
    if not age:
        return done
    done.until = closed - age
    async with database.transaction() as connection:
        due = [month for month in await _attached(connection, run) if _end(month) <= done.until]
    for month in due:
        async with database.transaction() as connection:
            await _drop(connection, run, month, done, dry_run=dry_run)
    return done


async def _live_run(connection: AsyncConnection[Any], name: str) -> tuple[Run, datetime | None]:
    run = await find_run(connection, name)
    if run is None or not run.monthly:
        why = "is a replay: `sentiwatch run drop` removes it as a whole" if run else "does not exist"
        raise Misconfigured(f"run {name!r} {why}")
    cursor = await connection.execute("SELECT closed_until FROM core.run WHERE run_id = %s", (run.run_id,))
    row = await cursor.fetchone()
    return run, row[0] if row else None


async def _attached(connection: AsyncConnection[Any], run: Run) -> list[Month]:
    """Months that still hold all their documents."""
    months = set()
    for table in MONTHLY:
        cursor = await connection.execute(ATTACHED, (f"core.{table}_r{run.run_id}",))
        months |= {_month(row[0]) for row in await cursor.fetchall()}
    return sorted(months)


async def _make_ahead(
    connection: AsyncConnection[Any], run: Run, closed: datetime, count: int, *, dry_run: bool
) -> list[str]:
    month, wanted = (closed.year, closed.month), []
    for _ in range(count):
        month = _after(month)
        wanted.append(month)
    missing = sorted(set(wanted) - set(await _attached(connection, run)))
    if missing and not dry_run:
        await ensure_months(connection, run.run_id, missing)
    return [_text(month) for month in missing]


async def _drop(
    connection: AsyncConnection[Any], run: Run, month: Month, done: Retained, *, dry_run: bool
) -> None:
    before = await _counts(connection, run, month)
    if dry_run:
        _add(done.rows, before)
        done.dropped.append(_text(month))
        return
    for table in MONTHLY:
        await connection.execute("SELECT core.drop_month(%s, %s, %s, %s)", (table, run.run_id, *month))
    kept = await _counts(connection, run, month)
    _add(done.rows, {table: count - kept[table] for table, count in before.items()})
    values = {"run": run.run_id, "low": _start(month), "high": _end(month)}
    for table, condition in STRAYS.items():
        cursor = await connection.execute(
            sql.SQL(
                "DELETE FROM core.{} AS t WHERE run_id = %(run)s AND event_time >= %(low)s AND event_time < %(high)s AND "
            ).format(sql.Identifier(table))
            + sql.SQL(condition),
            values,
        )
        _add(done.rows, {table: cursor.rowcount})
    done.dropped.append(_text(month))


async def _counts(connection: AsyncConnection[Any], run: Run, month: Month) -> dict[str, int]:
    found = {}
    for table in MONTHLY:
        cursor = await connection.execute(
            sql.SQL(
                "SELECT count(*) FROM core.{} WHERE run_id = %s AND event_time >= %s AND event_time < %s"
            ).format(sql.Identifier(table)),
            (run.run_id, _start(month), _end(month)),
        )
        found[table] = (await cursor.fetchone() or (0,))[0]
    return found


def _add(rows: dict[str, int], more: dict[str, int]) -> None:
    for table, count in more.items():
        rows[table] = rows.get(table, 0) + count


def _month(name: str) -> Month:
    year, month = name.split("_")[-2:]
    return int(year), int(month)


def _after(month: Month) -> Month:
    return month[0] + month[1] // 12, month[1] % 12 + 1


def _start(month: Month) -> datetime:
    return datetime(*month, 1, tzinfo=UTC)


def _end(month: Month) -> datetime:
    return _start(_after(month))


def _text(month: Month) -> str:
    return f"{month[0]:04d}-{month[1]:02d}"
