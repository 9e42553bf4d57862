"""`sentiwatch retention`: months made ahead, old ones dropped, what alerts rest on kept."""

from __future__ import annotations

import json
from dataclasses import asdict

import typer

app = typer.Typer(help="Retention. Example: sentiwatch retention run --dry-run", no_args_is_help=True)


@app.callback()
def retention() -> None:
    """Run it daily, with the login of a member of sentiwatch_retention."""


@app.command("run")
def run_retention(
    run: str = typer.Option("live", "--run", help="The live run whose months are meant."),
    dry_run: bool = typer.Option(False, "--dry-run", help="Say what would be done."),
    json_output: bool = typer.Option(False, "--json", help="Print JSON."),
) -> None:
    """Make the coming months; drop those older than SENTIWATCH_RETENTION__DOCUMENTS behind what is closed.

    Aggregates, alerts, their documents and the mentions their figures rest on stay. Example: sentiwatch retention run --json
    """
    from streams.adapters.postgres.retention import retain
    from streams.cli.run import with_database
    from streams.settings import load_settings

    settings = load_settings()
    done = with_database(lambda database: retain(database, settings, run, dry_run=dry_run))
    if json_output:
        typer.echo(json.dumps(asdict(done), default=str))
        return
    would = "would be " if dry_run else ""
    typer.echo(f"months {would}made: {', '.join(done.made) or 'none'}")
    typer.echo(f"months {would}dropped: {', '.join(done.dropped) or 'none'}")
    for table, count in done.rows.items():
        typer.echo(f"  {table}: {count} rows")
