"""Runs that judge another run's rows, and what a replay was asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from psycopg.types.json import Jsonb

from streams.adapters.postgres.results import run_id_of
from streams.adapters.postgres.runs import CREATION_LOCK, Run, ensure_run, find_run
from streams.errors import Misconfigured

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from psycopg import AsyncConnection

    from streams.adapters.postgres.connection import Database


@dataclass(frozen=True, slots=True)
class Base:
    """A run whose documents can be judged again."""

    run_id: int
    name: str
    settings: dict[str, Any]
    gazetteer_version: str
    first: datetime | None
    """End of its first pane with a document; None = it has none."""
    closed_until: datetime | None


BASE = """
    SELECT run_id, name, settings, gazetteer_version,
           least((SELECT min(known_pane) FROM core.document d WHERE d.run_id = r.run_id),
                 (SELECT min(known_pane) FROM core.document_history h
                  WHERE h.run_id = r.run_id AND h.superseded_pane > h.known_pane)),
           closed_until
    FROM core.run r WHERE run_id = %s
"""


async def find_base(database: Database, name: str) -> Base:
    """The run of that name.

    Raises:
        Misconfigured: there is none, it judges another run's rows itself, or nothing of it is closed.
    """
    async with database.transaction() as connection:
        run_id = await run_id_of(connection, name)
        run = await find_run(connection, name)
        if run is not None and run.base_run_id is not None:
            raise Misconfigured(
                f"run {name} has no documents of its own: name the run that it judges with --base"
            )
        row = await (await connection.execute(BASE, (run_id,))).fetchone()
    base = Base(*row or ())
    if base.first is None or base.closed_until is None:
        raise Misconfigured(f"run {name} has no closed windows yet: there is nothing to judge")
    return base


async def begin_rehearsal(
    connection: AsyncConnection[Any], name: str, base: Base, settings: Mapping[str, Any], start: datetime
) -> Run:
    """The run that judges ``base``; one that was begun before goes on.

    Raises:
        Misconfigured: a run of that name is something else.
    """
    found = await find_run(connection, name)
    if found is not None and found.base_run_id != base.run_id:
        raise Misconfigured(
            f"run {name!r} is not a rehearsal of {base.name}: give this one another name with --run"
        )
    run = await ensure_run(
        connection, name, kind="replay", notify=False, settings=settings, gazetteer=base.gazetteer_version
    )
    if found is None:
        await connection.execute(
            "UPDATE core.run SET base_run_id = %s, closed_until = %s WHERE run_id = %s",
            (base.run_id, start, run.run_id),
        )
    return Run(run.run_id, run.name, notify=False, kind="replay", base_run_id=base.run_id)


async def note_request(
    connection: AsyncConnection[Any],
    run: Run,
    request: Mapping[str, Any],
    window: tuple[datetime | None, datetime | None],
) -> None:
    """What was asked for, as it can be asked for again."""
    await connection.execute(
        "UPDATE core.run SET request = request || %s, since = %s, until = %s WHERE run_id = %s",
        (Jsonb(dict(request)), *window, run.run_id),
    )


async def claim_offsets(
    connection: AsyncConnection[Any], run: Run, found: Mapping[str, list[int]]
) -> dict[str, list[int]]:
    """The offsets that a run reads: those of whoever asked first, so that it ends where it was to end, however often begun."""
    await connection.execute("SELECT pg_advisory_xact_lock(%s)", (CREATION_LOCK,))
    cursor = await connection.execute(
        "UPDATE core.run SET request = jsonb_build_object('offsets', %s::jsonb) || request WHERE run_id = %s"
        " RETURNING request -> 'offsets'",
        (Jsonb(dict(found)), run.run_id),
    )
    row = await cursor.fetchone()
    return dict(row[0]) if row else {}


async def stored_request(database: Database, name: str) -> dict[str, Any]:
    """What a run was asked for; empty when there is no such run, or when it was never asked for."""
    async with database.transaction() as connection:
        row = await (
            await connection.execute("SELECT request FROM core.run WHERE name = %s", (name,))
        ).fetchone()
    return dict(row[0]) if row else {}
