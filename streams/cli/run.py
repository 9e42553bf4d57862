"""`sentiwatch run`: runs and their fingerprints."""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from streams.adapters.postgres.connection import Database
    from streams.domain.comparison import AlertRow

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
    """One run: its settings and row counts. Example: sentiwatch run show live"""
    from streams.adapters.postgres.results import describe

    row = with_database(lambda database: describe(database, name))
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
    json_output: bool = JSON,
) -> None:
    """Alerts only in A, only in B, and changed. Example: sentiwatch run compare live june"""
    from streams.adapters.postgres.results import alert_rows
    from streams.domain.comparison import compare as pair

    rows = [with_database(partial(alert_rows, name=name)) for name in (first, second)]
    found = pair(rows[0], rows[1], timedelta(hours=within))
    if json_output:
        typer.echo(json.dumps(asdict(found), default=str))
        return
    for row in found.only_a:
        typer.echo(f"only in {first}: {line(row)}")
    for row in found.only_b:
        typer.echo(f"only in {second}: {line(row)}")
    for before, after in found.changed:
        typer.echo(f"changed: {line(before)}\n      to {line(after)}")
    typer.echo(
        f"{len(found.only_a)} only in {first}, {len(found.only_b)} only in {second}, "
        f"{len(found.changed)} changed, {found.same} the same"
    )


def line(row: AlertRow) -> str:
    """One alert in one line."""
    return (
        f"{row.dedup_key} opened {row.opened_at:%Y-%m-%d %H:%M} {row.severity}, "
        f"{row.observed} of {row.expected:.2f}, p {row.p_value:.1e}"
    )


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
