"""The command line; nothing else. Each command lives in `streams.cli` and imports what it needs when it runs."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from streams import __version__
from streams.cli import (
    alerts,
    backtest,
    bench,
    classify,
    database,
    demo,
    dlq,
    doctor,
    erase,
    experiment,
    explain,
    ingest,
    local,
    model,
    replay,
    retention,
    run,
    topics,
    worker,
)
from streams.errors import SentiwatchError
from streams.masking import masked

app = typer.Typer(
    name="sentiwatch",
    help="Watch what news and social posts say about companies and markets; warn when negative sentiment surges.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(local.app, name="local")
app.add_typer(database.app, name="db")
app.add_typer(topics.app, name="topics")
app.add_typer(ingest.app, name="ingest")
app.add_typer(model.app, name="model")
app.add_typer(alerts.app, name="alerts")
app.add_typer(run.app, name="run")
app.add_typer(dlq.app, name="dlq")
app.add_typer(retention.app, name="retention")
app.add_typer(bench.app, name="bench")
app.command(name="worker")(worker.worker)
app.command(name="replay")(replay.replay)
app.command(name="backtest")(backtest.backtest)
app.command(name="experiment")(experiment.experiment)
app.command(name="classify")(classify.classify)
app.command(name="explain")(explain.explain)
app.command(name="doctor")(doctor.doctor)
app.command(name="erase")(erase.erase)
app.command(name="demo")(demo.demo)


def print_version(value: bool) -> None:
    if value:
        typer.echo(f"sentiwatch {__version__}")
        raise typer.Exit


@app.callback()
def options(
    debug: Annotated[bool, typer.Option("--debug", help="Show a traceback on failure.")] = False,
    _version: Annotated[
        bool, typer.Option("--version", callback=print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Settings come from SENTIWATCH_* variables or a .env file; `sentiwatch doctor` checks them."""
    if debug:
        os.environ["SENTIWATCH_DEBUG"] = "1"


def main() -> None:
    """Exit 0 on success, 2 on wrong usage, 1 on failure with one clear line on stderr."""
    try:
        app()
    except SentiwatchError as error:
        if os.environ.get("SENTIWATCH_DEBUG"):
            raise
        typer.echo(f"sentiwatch: {error}", err=True)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        if os.environ.get("SENTIWATCH_DEBUG"):
            raise
        text = masked(" ".join(str(error).split()))[:300]
        typer.echo(f"sentiwatch: unexpected {type(error).__name__}: {text} (--debug shows where)", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
