"""`sentiwatch run`: runs and their fingerprints."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from streams.adapters.postgres.connection import Database

app = typer.Typer(
    help="Runs: live and replays. Example: sentiwatch run fingerprint live", no_args_is_help=True
)
JSON = typer.Option(False, "--json", help="Print JSON.")


@app.command("list")
def list_runs(json_output: bool = JSON) -> None:
    """All runs with their row counts. Example: sentiwatch run list"""
    from streams.adapters.postgres.fingerprint import summaries

    rows = with_database(summaries)
    if json_output:
        typer.echo(json.dumps(rows, default=str))
        return
    for row in rows:
        typer.echo(", ".join(f"{name} {value}" for name, value in row.items()))


@app.command()
def show(name: str = typer.Argument("live"), json_output: bool = JSON) -> None:
    """One run: its settings and row counts. Example: sentiwatch run show live"""
    from streams.adapters.postgres.fingerprint import describe

    row = with_database(lambda database: describe(database, name))
    typer.echo(json.dumps(row, default=str) if json_output else json.dumps(row, default=str, indent=2))


@app.command()
def fingerprint(name: str = typer.Argument("live"), json_output: bool = JSON) -> None:
    """SHA-256 over the final tables: equal for equal input, whatever happened on the way.

    Example: sentiwatch run fingerprint live
    """
    from streams.adapters.postgres.fingerprint import fingerprint as compute

    result = with_database(lambda database: compute(database, name))
    if json_output:
        typer.echo(json.dumps({"run": name, "fingerprint": result.digest, "tables": result.tables}))
    else:
        typer.echo(result.digest)


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
