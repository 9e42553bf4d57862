"""`sentiwatch experiment`: variants of a replay as a batch, with one page that compares them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from streams.adapters.postgres.connection import Database
    from streams.backtest.report import Report
    from streams.replay.comparing import Compared
    from streams.replay.experiment import Experiment
    from streams.replay.request import Request
    from streams.settings import Settings

OUT = Path(".local/experiments")


def experiment(
    file: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, help="YAML; see streams/replay/README.md.")
    ],
    out: Annotated[
        Path | None, typer.Option(help="Where the page goes; default: .local/experiments/NAME.")
    ] = None,
    json_output: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Run the variants of a file, compare each with the base run, write one page; figures go to bi_v1.experiment_results.

    Example: sentiwatch experiment budgets.yaml
    """
    from streams.cli.worker import run_loop
    from streams.logs import set_up_logging
    from streams.replay.experiment import read_experiment
    from streams.settings import load_settings

    asked, settings = read_experiment(file), load_settings()
    set_up_logging(settings)
    place = out or OUT / asked.name
    found, tried = run_loop(perform(settings, asked, place))
    page = write_page(asked, found, tried, place / "report.html")
    if json_output:
        typer.echo(
            json.dumps({"page": str(page), "variants": {each.variant: each.measures for each in found}})
        )
        return
    for each in found:
        told = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in each.measures.items())
        typer.echo(f"{each.variant}: {told}")
    typer.echo(f"page: {page}")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one variant came to."""

    variant: str
    run: str
    command: str
    measures: Mapping[str, float | None]
    compared: Compared


async def perform(settings: Settings, asked: Experiment, out: Path) -> tuple[list[Outcome], int]:
    """One variant after the other; how many variants were ever tried under this name."""
    from streams.adapters.postgres.experiments import save_results, variants_tried
    from streams.cli.replay import answer
    from streams.cli.replaying import opened
    from streams.cli.run import compared
    from streams.replay.pace import Pace

    found = []
    async with opened(settings) as database:
        for variant, request in asked.requests().items():
            typer.echo(f"experiment: {variant}", err=True)
            told = await answer(settings, request, Pace())
            diff = await compared(database, asked.base, request.name, timedelta(hours=asked.within_hours))
            measures: dict[str, float | None] = {"alerts": told["alerts"], **diff.counts()}
            if asked.prices is not None:
                measures |= await prices_say(settings, asked, request, out / variant)
            await save_results(database, asked.name, variant, request.name, measures)
            command = await stored_command(database, request.name)
            found.append(Outcome(variant, request.name, command, measures, diff))
        return found, await variants_tried(database, asked.name)


async def stored_command(database: Database, run: str) -> str:
    """What makes the run again."""
    from streams.adapters.postgres.rehearsals import stored_request
    from streams.replay.request import Request

    return Request.of(await stored_request(database, run)).command


async def prices_say(
    settings: Settings, asked: Experiment, request: Request, out: Path
) -> dict[str, float | None]:
    """The event study of a variant's alerts; its report lies beside the page."""
    from streams.backtest.study import Plan
    from streams.cli.backtest import perform as backtest

    assert asked.prices is not None
    url = settings.postgres.address
    report: Report = await backtest(url, request.name, asked.prices, out, Plan(), "")
    report.write(out)
    return {
        f"car_{test.normal}_{test.horizon}": test.car.mean if isfinite(test.car.mean) else None
        for test in report.results.segments[0].cars
    }


def write_page(asked: Experiment, found: list[Outcome], tried: int, path: Path) -> Path:
    """All variants side by side, then each against the base."""
    from streams.showing.page import Page

    page = Page(f"Experiment {asked.name}")
    page.paragraph(
        f"{len(found)} variants here, {tried} under this name so far. The best of many looks good by chance: judge it on a "
        "stretch of time that none of them has seen.",
        warning=True,
    )
    names = list(dict.fromkeys(name for each in found for name in each.measures))
    page.table(
        ("measure", *(each.variant for each in found)),
        [(name.replace("_", " "), *(shown(each.measures.get(name)) for each in found)) for name in names],
    )
    page.table(("variant", "made by"), [(each.variant, each.command) for each in found])
    for each in found:
        each.compared.add_to(page)
    return page.write(path)


def shown(value: Any) -> str:
    """A count as it is, a figure with four digits, a dash for none."""
    if value is None:
        return "–"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
