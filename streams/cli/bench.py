"""`sentiwatch bench`: benchmarks that print ratios measured in one run."""

from __future__ import annotations

import json
import signal
import sys
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from pathlib import Path

app = typer.Typer(help="Benchmarks. Example: sentiwatch bench pipeline --json", no_args_is_help=True)


@app.callback()
def benchmarks() -> None:
    """Benchmarks print ratios measured within one run; absolute figures are this machine's, at this moment."""


@app.command()
def pipeline(
    json_output: bool = typer.Option(False, "--json", help="Print JSON."),
    chunks: int = typer.Option(5, min=1, help="Rounds of pipeline, Triton, engine, null model."),
    texts: int = typer.Option(400, min=32, help="Texts a round."),
) -> None:
    """The pipeline against Triton alone, the bare engine and a null model, in turn; latency; memory.

    Example: sentiwatch bench pipeline --json
    """
    from streams.benchmarks.pipeline import Plan, measure
    from streams.cli.worker import run_loop
    from streams.logs import set_up_logging
    from streams.settings import load_settings

    settings = load_settings()
    set_up_logging(settings, "WARNING")
    plan = Plan(chunks=chunks, chunk_texts=texts)
    result = run_loop(
        measure(settings, plan, triton_python(), lambda text: typer.echo(f"bench: {text}", err=True))
    )
    typer.echo(json.dumps(result) if json_output else table(result))


@app.command()
def triton(
    json_output: bool = typer.Option(False, "--json", help="Print JSON."),
    rounds: int = typer.Option(3, min=1, help="Turns of each variant."),
    texts: int = typer.Option(400, min=32, help="Texts a turn."),
) -> None:
    """Engines and settings through Triton, against the first version and against a BERT-base pipeline.

    Example: sentiwatch bench triton --json
    """
    from streams.benchmarks.serving import Plan, measure
    from streams.local.layout import default_layout
    from streams.settings import load_settings

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that its own server ends with it
    result = measure(
        default_layout(),
        load_settings().model_repo.resolve(),
        Plan(rounds=rounds, texts=texts),
        lambda text: typer.echo(f"bench: {text}", err=True),
    )
    if json_output:
        typer.echo(json.dumps(result))
        return
    for name, row in result["variants"].items():
        typer.echo(f"{row['texts_per_second']:8} texts/s {row['over_first']:5} × first  {name}")
    for name, reason in result["skipped"].items():
        typer.echo(f"skipped: {name}: {reason}")


@app.command()
def replay(
    json_output: bool = typer.Option(False, "--json", help="Print JSON."),
    texts: int = typer.Option(2_000, min=100, help="Records of both runs."),
    days: int = typer.Option(365, min=30, help="Days that detection alone judges."),
) -> None:
    """A first run against its replay with the scores at hand; detection alone over a year of 100 companies.

    Example: sentiwatch bench replay --json
    """
    from streams.benchmarks.replay import Plan, measure
    from streams.cli.worker import run_loop
    from streams.logs import set_up_logging
    from streams.settings import load_settings

    settings = load_settings()
    set_up_logging(settings, "WARNING")
    plan = Plan(texts=texts, days=days)
    result = run_loop(measure(settings, plan, lambda text: typer.echo(f"bench: {text}", err=True)))
    typer.echo(json.dumps(result) if json_output else table(result))


@app.command()
def growth(
    json_output: bool = typer.Option(False, "--json", help="Print JSON."),
    records: int = typer.Option(200_000, min=10_000, help="Documents to be stored; 5,000 more warm it up."),
) -> None:
    """Cost of a document and memory of the worker while more and more is stored (null model).

    Example: sentiwatch bench growth --records 1000000 --json
    """
    from streams.benchmarks.growth import measure
    from streams.cli.worker import run_loop
    from streams.logs import set_up_logging
    from streams.settings import load_settings

    settings = load_settings()
    set_up_logging(settings, "WARNING")
    result = run_loop(measure(settings, records, lambda text: typer.echo(f"bench: {text}", err=True)))
    typer.echo(json.dumps(result) if json_output else table(result))


@app.command()
def edges(
    json_output: bool = typer.Option(False, "--json", help="Print JSON."),
    records: int = typer.Option(10_000, min=1, help="Malformed records; two good ones go with each."),
    seed: int = typer.Option(7, help="Of the malformed records."),
    rounds: int = typer.Option(5, min=0, help="Rounds of the throughput; 0 leaves it out."),
) -> None:
    """Malformed records of every kind through broker and worker, compared one by one; what they cost the good ones.

    Example: sentiwatch bench edges --records 10000 --seed 7 --json
    """
    from streams.benchmarks.edges import Plan, measure
    from streams.cli.worker import run_loop
    from streams.logs import set_up_logging
    from streams.settings import load_settings

    settings = load_settings()
    set_up_logging(settings, "WARNING")
    plan = Plan(records=records, seed=seed, rounds=rounds)
    result = run_loop(measure(settings, plan, lambda text: typer.echo(f"bench: {text}", err=True)))
    typer.echo(json.dumps(result) if json_output else table(result))
    if result["wrong"] or result["unexpected_rows"]:
        raise typer.Exit(1)


@app.command()
def closing(
    json_output: bool = typer.Option(False, "--json", help="Print JSON."),
    sizes: str = typer.Option("10000,100000,1000000", help="Stored documents, comma-separated, ascending."),
) -> None:
    """What closing costs a document beside 10,000, 100,000 and 1,000,000 stored ones.

    Example: sentiwatch bench closing --json
    """
    from streams.benchmarks.closing import measure
    from streams.cli.database import url
    from streams.cli.worker import run_loop
    from streams.settings import load_settings

    url()
    counts = [int(size) for size in sizes.split(",")]
    result = run_loop(measure(load_settings(), counts, lambda text: typer.echo(f"bench: {text}", err=True)))
    typer.echo(json.dumps(result) if json_output else table(result))


def triton_python() -> Path:
    """The interpreter of Triton's local environment, which has the bare engine."""
    from streams.errors import Misconfigured
    from streams.local.layout import default_layout

    python = default_layout().triton_environment / "bin" / "python"
    if not python.exists():
        raise Misconfigured(
            "the bare engine needs Triton's local environment: run `sentiwatch local up` once"
        )
    return python


def table(result: dict[str, Any]) -> str:
    """One figure a line."""
    return "\n".join(f"{name:36} {value}" for name, value in result.items())
