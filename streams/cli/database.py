"""`sentiwatch db`: the schema, with Alembic underneath."""

from __future__ import annotations

import json

import typer

app = typer.Typer(help="The database schema. Example: sentiwatch db upgrade", no_args_is_help=True)


def url() -> str:
    """The Postgres address from the settings."""
    from streams.settings import load_settings, require

    return require(load_settings().postgres.address, "SENTIWATCH_POSTGRES__URL")


@app.command()
def upgrade(revision: str = typer.Argument("head", help="Revision to reach.")) -> None:
    """Bring the schema up to date. Example: sentiwatch db upgrade"""
    from streams.adapters.postgres import migrate

    typer.echo(f"database at revision {migrate.upgrade(url(), revision) or 'none'}")


@app.command()
def downgrade(
    revision: str = typer.Argument("-1", help="Revision to go back to; base removes everything."),
) -> None:
    """Take the schema back. Example: sentiwatch db downgrade base"""
    from streams.adapters.postgres import migrate

    typer.echo(f"database at revision {migrate.downgrade(url(), revision) or 'none'}")


@app.command()
def check(json_output: bool = typer.Option(False, "--json", help="Print JSON.")) -> None:
    """Exit 0 if the schema is the one this release needs. Example: sentiwatch db check"""
    from streams.adapters.postgres import migrate

    found = migrate.check(url())
    typer.echo(json.dumps({"revision": found}) if json_output else f"database at revision {found}, as needed")
