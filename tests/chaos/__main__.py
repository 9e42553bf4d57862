"""`./deploy/chaos`: faults injected into real workers on real parts; see tests/chaos/README.md."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from streams.local.layout import project_directory
from tests.chaos import report
from tests.chaos.faults import ALL, CALM, FAULTS
from tests.chaos.runner import Runner, plan_rounds
from tests.chaos.sabotage import SABOTAGES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.chaos.faults import Fault
    from tests.chaos.rounds import Outcome, Plan


def arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="chaos",
        description="Rounds of faults on real parts; after each, the tables must be what the producer's ledger says.",
        epilog="Example: ./deploy/chaos --rounds 20 --seed 7 --jobs 2",
    )
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument(
        "--jobs", type=int, default=0, help="rounds at a time (default: one a core, at most 2)"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every round as JSON")
    parser.add_argument("--picture", type=Path, metavar="FILE", help="write the recovery times as PNG")
    parser.add_argument("--only", action="append", choices=[*FAULTS, CALM.name], metavar="FAULT")
    parser.add_argument("--list", action="store_true", help="name the faults")
    parser.add_argument(
        "--sabotage",
        choices=sorted(SABOTAGES),
        default="none",
        help="break the worker on purpose: the rounds must fail",
    )
    return parser.parse_args(words)


def chosen(only: Sequence[str] | None) -> list[Fault]:
    """The faults to inject."""
    return [fault for fault in (*ALL, CALM) if (fault.name in only if only else fault is not CALM)]


def run(root: Path, plans: Sequence[Plan], jobs: int, console: Console) -> list[Outcome]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("rounds", total=len(plans))

        def tell(outcome: Outcome) -> None:
            progress.advance(task)
            verdict = "; ".join((*(outcome.problems or ["right"]), *outcome.remarks))
            progress.console.print(
                f"{time.strftime('%H:%M:%S')} round {outcome.number} {outcome.fault} ×{outcome.hits}"
                f" {outcome.seconds:.0f} s recovery {outcome.recovery}: {verdict}",
                markup=False, highlight=False, soft_wrap=True,
            )  # fmt: skip

        return Runner(root, tell, jobs).run(plans)


def interrupted(_number: int, _frame: object) -> None:
    """The rounds under way end as they would, then the parts go."""
    raise KeyboardInterrupt


def main() -> int:
    options = arguments()
    console = Console() if sys.stdout.isatty() else Console(width=120)
    if options.list:
        for fault in ALL:
            console.print(f"{fault.name:20} {fault.tells}", highlight=False)
        return 0
    sys.stdout.reconfigure(line_buffering=True)  # a log that is being followed
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # brokers that die are the point
    for number in (
        signal.SIGTERM,
        signal.SIGINT,
    ):  # also where a shell has ignored it for a job in the background
        signal.signal(number, interrupted)
    began = time.monotonic()
    root = Path(os.environ.get("SENTIWATCH_LOCAL_DIR") or project_directory() / ".local" / "chaos").absolute()
    root.mkdir(parents=True, exist_ok=True)
    faults = chosen(options.only)
    jobs = options.jobs or min(2, os.cpu_count() or 1, options.rounds)
    outcomes = run(root, plan_rounds(options.rounds, options.seed, faults, options.sabotage), jobs, console)
    minutes = (time.monotonic() - began) / 60
    line = report.last_line(outcomes, minutes)
    (options.json or root / "rounds.json").write_text(
        report.as_json(outcomes, seed=options.seed, sabotage=options.sabotage, summary=line)
    )
    report.draw(outcomes, options.picture or root / "rounds.png")
    console.print(report.table(outcomes))
    console.print(line, highlight=False, soft_wrap=True)
    return 1 if not outcomes or any(outcome.problems for outcome in outcomes) else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
