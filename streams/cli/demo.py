"""`sentiwatch demo`: an invented week through the real parts, and what came of it."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import FrameType

    from rich.console import Console

    from streams.local.addresses import Addresses
    from streams.scenario.shapes import Scenario
    from streams.settings import Settings
    from streams.showing.found import HourlyNegatives
    from streams.showing.phases import Phases
    from streams.showing.place import Place

TERMINATED = 143  # as a shell reports SIGTERM
PIPE_WIDTH = 140

Once = Annotated[bool, typer.Option("--once", help="stop everything at the end instead of serving on")]
Seed = Annotated[int, typer.Option("--seed", help="each seed tells another week")]
Keep = Annotated[bool, typer.Option("--keep", help="leave the data in place; the next demo replaces them")]


def demo(once: Once = False, seed: Seed = 7, keep: Keep = False) -> None:
    """Show the whole way of a document on an invented week of news and posts.

    Starts the local parts with empty data, publishes the week to Kafka, runs a worker on it and shows the
    alerts with their evidence. Exit 1 when they are not exactly the planted negative surges. Its data go when
    it ends.

    Example: sentiwatch demo --once --seed 11
    """
    from streams.logs import set_up_logging

    set_up_logging(level="WARNING")
    _terminate_orderly()
    problems = _perform(once=once, seed=seed, keep=keep)
    if problems:
        raise typer.Exit(1)


def _perform(*, once: bool, seed: int, keep: bool) -> Sequence[str]:
    from rich.console import Console

    from streams.showing.phases import Phases
    from streams.showing.place import hold_place, settings_at

    given, external, models = _given()
    show = _Show(seed, _console(), Phases(Console(stderr=True)))
    with hold_place(given, external, models) as place:
        show.invent()
        with _stopped_after(place, show, keep=keep):
            addresses = show.start(place)
            settings = settings_at(given, addresses)
            show.prepare(settings, place)
            show.publish(settings)
            show.work(settings)
            problems = show.present(settings, place, addresses)
            if not once:
                show.serve(settings)
            return problems


def _given() -> tuple[Settings, Addresses, Path | None]:
    """Settings without the addresses of local parts: the demo finds its own."""
    from streams.local.addresses import Addresses
    from streams.settings import Settings, load_settings

    load_settings()  # refuses wrong settings in one line
    given = Settings()
    external = Addresses(
        kafka=given.kafka.bootstrap or None,
        triton=given.triton.url or None,
        postgres=given.postgres.address or None,
    )
    return given, external, given.model_repo if "model_repo" in given.model_fields_set else None


def _console() -> Console:
    """Standard output; files and pipes get lines long enough for the tables."""
    from rich.console import Console

    console = Console()
    return console if console.is_terminal or "COLUMNS" in os.environ else Console(width=PIPE_WIDTH)


def _terminate_orderly() -> None:
    """SIGTERM unwinds like an exception, so that the parts are stopped."""

    def end(number: int, frame: FrameType | None) -> None:
        del number, frame
        raise SystemExit(TERMINATED)

    signal.signal(signal.SIGTERM, end)


@contextmanager
def _stopped_after(place: Place, show: _Show, *, keep: bool) -> Iterator[None]:
    """The parts go with the demo, however it ends; after an error data and logs stay, to be looked at."""
    try:
        yield
    except Exception:
        keep = True
        raise
    finally:
        done = "stopped" if keep else "stopped, the demo's data removed"
        with show.phases.phase("stop everything", done=done):
            place.stop(keep=keep)


@dataclass(slots=True)
class _Show:
    """The demo's acts, in order."""

    seed: int
    console: Console
    phases: Phases
    scenario: Scenario = field(init=False)

    def invent(self) -> None:
        from streams.scenario import generate

        with self.phases.phase(f"invent the week of seed {self.seed}"):
            self.scenario = generate(self.seed)

    def start(self, place: Place) -> Addresses:
        stages: dict[str, str] = {}
        with self.phases.phase("start Kafka, Triton, PostgreSQL", total=3) as teller:

            def tell(part: str, stage: str) -> None:
                stages[part] = stage
                ready = sum(stage.startswith("ready") for stage in stages.values())
                teller.at(ready, ", ".join(_brief(*told) for told in sorted(stages.items())), 3)

            return place.start(tell)

    def prepare(self, settings: Settings, place: Place) -> None:
        from streams.adapters.kafka.translation import silence_driver
        from streams.adapters.postgres.migrate import upgrade
        from streams.showing import acts

        with self.phases.phase("make the schema"):
            upgrade(settings.postgres.address)
        silence_driver()
        with self.phases.phase("make the topics"):
            asyncio.run(acts.make_topics(settings, given="kafka" in place.given))

    def publish(self, settings: Settings) -> None:
        from streams.showing import acts

        count = len(self.scenario.records)
        with self.phases.phase("publish it", total=count, done=f"{count:,} records") as teller:
            asyncio.run(acts.publish(self.scenario, settings, teller.at))

    def work(self, settings: Settings) -> None:
        from streams.cli.worker import run_loop
        from streams.showing import acts
        from streams.showing.phases import WorkerClock

        with self.phases.phase("run a worker on it", total=len(self.scenario.records)) as teller:
            clock = WorkerClock(teller)
            status = run_loop(acts.work(settings, clock, drain=True))
            _terminate_orderly()  # the loop has taken its own handler down
            if status.records < status.total:
                raise KeyboardInterrupt
        self.phases.split("run a worker on it", clock.parts(status))

    def present(self, settings: Settings, place: Place, addresses: Addresses) -> Sequence[str]:
        """Tables, charts and hints; what is not as planted."""
        from streams.showing import acts, hints, tables
        from streams.showing.verdict import compare

        with self.phases.phase("read the results"):
            found, hourlies = asyncio.run(acts.read(settings, self.scenario))
        comparison = compare(self.scenario, found)
        self.console.print(tables.alerts_with_evidence(found.alerts))
        self.console.print(tables.planted_table(self.scenario, found, comparison))
        self._chart(hourlies, place)
        self.console.print(tables.timings_table(self.phases.seconds))
        typer.echo(hints.queries(place.prefix, addresses.postgres_bi, found.alerts) + "\n")
        if comparison.problems:
            typer.echo(f"sentiwatch: not as planted: {'; '.join(comparison.problems)}", err=True)
        return comparison.problems

    def _chart(self, hourlies: Sequence[HourlyNegatives], place: Place) -> None:
        from streams.showing import charts

        if not hourlies:
            return
        with self.phases.phase("draw the charts"):
            texts = [charts.text_chart(hourly, min(self.console.width, 120)) for hourly in hourlies]
            path = charts.picture(hourlies, place.parts.layout.project / ".local" / "demo-surge.png")
        for text in texts:
            typer.echo(text)
        typer.echo(f"The same as a picture: {_short(path)}")

    def serve(self, settings: Settings) -> None:
        """A worker that goes on until Ctrl-C or SIGTERM."""
        from streams.cli.worker import run_loop
        from streams.showing import acts

        typer.echo("A worker serves on: what you publish now is scored and stored. Ctrl-C stops everything.")
        run_loop(acts.work(settings, None, drain=False))
        _terminate_orderly()


def _brief(part: str, stage: str) -> str:
    """`kafka 4.9 s` once it is ready, `kafka …` before."""
    return f"{part}{stage[5:].removeprefix(' after')}" if stage.startswith("ready") else f"{part} …"


def _short(path: Path) -> str:
    """Relative to where the user is, where that is shorter."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)
