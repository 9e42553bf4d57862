"""`sentiwatch run`: runs and their fingerprints."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from pathlib import Path  # noqa: TC003 - typer reads the annotations
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from streams.adapters.postgres.connection import Database
    from streams.replay.comparing import Compared

app = typer.Typer(
    help="Runs: live and replays. Example: sentiwatch run fingerprint live", no_args_is_help=True
)
JSON = typer.Option(False, "--json", help="Print JSON.")


@app.command("list")
def list_runs(json_output: bool = JSON) -> None:
    """All runs with their row counts. Example: sentiwatch run list"""
    from streams.adapters.postgres.results import summaries

    rows = with_database(summaries)
    if json_output:
        typer.echo(json.dumps(rows, default=str))
        return
    for row in rows:
        typer.echo(", ".join(f"{name} {value}" for name, value in row.items()))


@app.command()
def show(name: str = typer.Argument("live"), json_output: bool = JSON) -> None:
    """One run: its settings, row counts, and the command that makes it again. Example: sentiwatch run show june"""
    from streams.adapters.postgres.results import describe
    from streams.replay.request import Request

    row = with_database(lambda database: describe(database, name))
    if row["request"]:
        row["command"] = Request.of(row["request"]).command
    typer.echo(json.dumps(row, default=str) if json_output else json.dumps(row, default=str, indent=2))


@app.command()
def fingerprint(name: str = typer.Argument("live"), json_output: bool = JSON) -> None:
    """SHA-256 over the final tables: equal for equal input, whatever happened on the way.

    Example: sentiwatch run fingerprint live
    """
    from streams.adapters.postgres.results import fingerprint as compute

    result = with_database(lambda database: compute(database, name))
    if json_output:
        typer.echo(json.dumps({"run": name, "fingerprint": result.digest, "tables": result.tables}))
    else:
        typer.echo(result.digest)


@app.command()
def compare(
    first: Annotated[str, typer.Argument(metavar="A")],
    second: Annotated[str, typer.Argument(metavar="B")],
    within: Annotated[float, typer.Option(help="Hours by which openings of one alert may differ.")] = 24.0,
    html: Annotated[Path | None, typer.Option(help="Write a page with pictures here.")] = None,
    json_output: bool = JSON,
) -> None:
    """Alerts only in A, only in B, moved, of another severity; by entity and month.

    Alerts of a warm-up are left out. Example: sentiwatch run compare live stricter --html stricter.html
    """
    found = with_database(lambda database: compared(database, first, second, timedelta(hours=within)))
    if html is not None:
        found.write(html)
    if json_output:
        typer.echo(json.dumps(found.as_dict(), default=str))
    else:
        typer.echo("\n".join(found.lines()))


async def compared(database: Database, first: str, second: str, within: timedelta) -> Compared:
    """The alerts of two runs, and the settings in which they differ."""
    from streams.adapters.postgres.results import alert_rows
    from streams.adapters.postgres.runs import run_settings
    from streams.domain.comparison import compare as pair
    from streams.replay.comparing import Compared

    rows = [await alert_rows(database, name) for name in (first, second)]
    async with database.transaction() as connection:
        one, other = [await run_settings(connection, name) for name in (first, second)]
    return Compared(first, second, (one, other), pair(rows[0], rows[1], within))


@app.command()
def drop(name: str) -> None:
    """Remove a run with all its rows; the live one is refused. Example: sentiwatch run drop bench-1"""
    from streams.adapters.postgres.runs import drop_run

    with_database(lambda database: drop_run(database, name))
    typer.echo(f"run {name} dropped")


def with_database(action: Callable[[Database], Awaitable[Any]]) -> Any:
    """Run one action on an open database."""
    from streams.adapters.postgres.connection import Database
    from streams.cli.database import url

    async def perform() -> Any:
        database = Database(url(), 2)
        await database.open()
        try:
            return await action(database)
        finally:
            await database.close()

    return asyncio.run(perform())
