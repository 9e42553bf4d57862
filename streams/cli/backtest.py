"""`sentiwatch backtest`: what prices did after a run's alerts and along its daily sentiment."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from datetime import date

    from streams.backtest.report import Report
    from streams.backtest.study import Plan

OUT = Path(".local/backtest")


def backtest(
    run: Annotated[str, typer.Argument(help="Name of the run.")],
    prices: Annotated[
        Path,
        typer.Option(
            exists=True, help="Daily bars: CSV or Parquet, a file a symbol or with a symbol column."
        ),
    ],
    out: Annotated[
        Path | None, typer.Option(help="Where report, pictures and signals go; default: .local/backtest/RUN.")
    ] = None,
    calendar: Annotated[
        str, typer.Option(help="Exchange calendar of the bars, e.g. XNYS; default: that of their symbols.")
    ] = "",
    horizons: Annotated[str, typer.Option(help="Sessions held, comma-separated.")] = "1,2,3,5,10,20",
    lag: Annotated[
        int, typer.Option(min=1, help="Sessions between the one it was known in and the entry.")
    ] = 1,
    quantiles: Annotated[int, typer.Option(min=2, help="Groups of the signal.")] = 5,
    cutoff: Annotated[
        str, typer.Option(help="Last day of the model's training data; default: what its metadata says.")
    ] = "",
    seed: Annotated[int, typer.Option(help="Of the bootstrap and the placebo dates.")] = 20140102,
    json_output: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Event study around a run's alerts and rank correlation of its daily sentiment, on daily bars.

    Entry comes at least one bar after known_at. Report, pictures and signals are written as files.
    Example: sentiwatch backtest june --prices prices/ --out june-backtest
    """
    from streams.backtest.study import Plan
    from streams.settings import load_settings

    plan = Plan(
        horizons=numbers(horizons), lag=lag, quantiles=quantiles, seed=seed, cutoff=day_of(cutoff, "--cutoff")
    )
    place = out or OUT / run
    report = asyncio.run(perform(load_settings().postgres.address, run, prices, place, plan, calendar))
    written = [str(path) for path in report.write(place)]
    if json_output:
        typer.echo(json.dumps({**report.as_dict(), "files": written}))
    else:
        typer.echo("\n".join([*report.lines(), "", f"report: {written[0]}"]))


def numbers(text: str) -> tuple[int, ...]:
    """Ascending positive numbers."""
    try:
        found = tuple(sorted({int(part) for part in text.split(",")}))
    except ValueError as error:
        raise typer.BadParameter("--horizons: whole numbers, comma-separated, e.g. 1,5,20") from error
    if found[0] < 1:
        raise typer.BadParameter("--horizons: at least one session")
    return found


def day_of(text: str, option: str) -> date | None:
    """A date option; None when it is not given."""
    from datetime import date

    try:
        return date.fromisoformat(text) if text else None
    except ValueError as error:
        raise typer.BadParameter(f"{option}: not a date, e.g. 2023-12-31") from error


async def perform(url: str, run: str, prices: Path, out: Path, plan: Plan, calendar: str) -> Report:
    """Read run and prices, measure, export the signals."""
    from dataclasses import replace

    from streams.adapters.postgres import signals
    from streams.adapters.postgres.connection import Database
    from streams.backtest.material import Material, training_cutoff
    from streams.backtest.price_files import read_prices
    from streams.backtest.universe import match
    from streams.settings import load_settings, require

    read = await asyncio.to_thread(read_prices, prices)
    database = Database(require(url, "SENTIWATCH_POSTGRES__URL"), 2)
    await database.open()
    try:
        days = read.bars.days
        universe = match(read.bars.symbols, await signals.listings(database), days[0].item(), days[-1].item())
        material = Material(
            run=run,
            prices=read,
            universe=universe,
            spoken=await signals.spoken(database, run, list(universe.entities)),
            openings=await signals.openings(database, run),
        )
        versions = await signals.sentiment_versions(database, run)
    finally:
        await database.close()
    if plan.cutoff is None:
        plan = replace(plan, cutoff=training_cutoff(load_settings().model_repo, versions))
    return await asyncio.to_thread(material.study, plan, calendar, out)
