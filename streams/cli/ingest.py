"""`sentiwatch ingest file`."""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from streams.ingest.mapping import FieldMapping
    from streams.ingest.preparing import BadRows, Prepares
    from streams.settings import Settings
    from streams.wire.formats import Format
    from streams.wire.topics import Topic

app = typer.Typer(
    help="Put recorded documents into Kafka.\n\nExample: sentiwatch ingest file a.jsonl --topic news.raw.v1",
    no_args_is_help=True,
)

LOG_SECONDS = 5.0

Paths = Annotated[list[Path], typer.Argument(help="JSONL or CSV files, also gzipped", metavar="PATH...")]
TopicName = Annotated[str, typer.Option("--topic", help="an input topic: news.raw.v1 or social.raw.v1")]
Map = Annotated[
    str | None,
    typer.Option(
        "--map", help="target=field pairs; without it, fields that bear document.v1 names", metavar="A=B,…"
    ),
]
FormatName = Annotated[
    str | None,
    typer.Option(
        "--format", help="ninjs, feed, stocktwits, x.v2, gkg, document.v1: publish the records as they are"
    ),
]
Source = Annotated[
    str, typer.Option("--source", help="of every row; default: the mapped field, then the file's name")
]
Rate = Annotated[float | None, typer.Option("--rate", help="records a second, at most", min=0.001)]
Limit = Annotated[int | None, typer.Option("--limit", help="publish the first N by time", min=0)]
Json = Annotated[bool, typer.Option("--json", help="machine-readable")]


@app.callback()
def ingest() -> None:
    """Keep `file` a subcommand, though it is the only one."""


@app.command("file")
def file(
    paths: Paths,
    *,
    topic: TopicName,
    map_: Map = None,
    format_: FormatName = None,
    source: Source = "",
    rate: Rate = None,
    limit: Limit = None,
    as_json: Json = False,
) -> None:
    """Publish files as document.v1, merged by event time and stamped with it.

    With --format the records are published as they are: one a line, of a feed one an entry.
    Bad rows are counted and listed, not fatal. Times are ISO 8601 with an offset, or epoch (milli)seconds.

    Example: sentiwatch ingest file cls.jsonl.gz --topic news.raw.v1
    --map id=id,body=content,title=title,event_time=datetime --source cls
    """
    from streams.errors import Misconfigured
    from streams.settings import load_settings

    if format_ is not None and (map_ is not None or source):
        raise typer.BadParameter("--format publishes records as they are: neither --map nor --source")
    chosen, mapping = _usage(topic, map_, source)
    settings = load_settings()
    began = time.monotonic()
    job = Job(paths, chosen, mapping, _format(format_), rate, limit)
    published, bad = job.run(settings)
    seconds = time.monotonic() - began
    for row in bad.first:
        typer.echo(f"{row.path}:{row.line}: {row.why.reason}: {row.why.detail}", err=True)
    if bad.count > len(bad.first):
        typer.echo(f"… and {bad.count - len(bad.first):,} more bad rows", err=True)
    if as_json:
        report = {"published": published, "bad": bad.count, "files": len(paths), "seconds": round(seconds, 3)}
        typer.echo(json.dumps(report))
    else:
        typer.echo(f"published {published:,} records to {topic} in {seconds:.1f} s; {bad.count:,} bad rows")
    if bad.count and not published:
        raise Misconfigured("no row could be published; is --map (or --format) right?")


def _format(name: str | None) -> Format | None:
    from streams.wire.formats import BY_NAME

    if name is not None and name not in BY_NAME:
        raise typer.BadParameter(f"--format: choose from {', '.join(BY_NAME)}")
    return None if name is None else BY_NAME[name]


def _usage(topic: str, map_: str | None, source: str) -> tuple[Topic, FieldMapping]:
    """Mistakes on the command line: exit 2."""
    from streams.errors import Misconfigured
    from streams.ingest.mapping import parse_mapping
    from streams.wire.topics import input_topic

    try:
        return input_topic(topic), parse_mapping(map_, source)
    except Misconfigured as error:
        raise typer.BadParameter(str(error)) from error


@dataclass(frozen=True, slots=True)
class Job:
    """One call of `ingest file`."""

    paths: Sequence[Path]
    topic: Topic
    mapping: FieldMapping
    format: Format | None
    rate: float | None
    limit: int | None

    def run(self, settings: Settings) -> tuple[int, BadRows]:
        """Read and sort everything, then publish; how many went out, and the rows that did not."""
        from streams.adapters.kafka.translation import silence_driver
        from streams.ingest.ordering import Sorter
        from streams.ingest.preparing import Preparation, prepare_files
        from streams.ingest.publishing import publish_sorted
        from streams.ingest.verbatim import Verbatim
        from streams.wire.limits import InputLimits

        assert self.topic.source_class is not None
        silence_driver()
        sizes = _sizes(self.paths, any_suffix=self.format is not None)
        asyncio.run(_require_topic(self.topic, settings))
        limits, source_class = InputLimits.of(settings), self.topic.source_class
        preparation: Prepares = Preparation(self.mapping, source_class, limits)
        if self.format is not None:
            preparation = Verbatim(self.format, source_class, limits)
        with Sorter.open() as sorter:
            with _progress("read", sum(sizes), "bytes") as told:
                bad = prepare_files(
                    self.paths, preparation, sorter, lambda index, read: told.at(sum(sizes[:index]) + read)
                )
            count = sorter.count if self.limit is None else min(self.limit, sorter.count)
            records = itertools.islice(sorter.records(), count)
            with _progress("published", count, "records") as told:
                publishing = publish_sorted(records, self.topic.name, settings.kafka, self.rate, told.at)
                return asyncio.run(publishing), bad


def _sizes(paths: Sequence[Path], *, any_suffix: bool) -> list[int]:
    """Of each file in bytes; says so at once when one is not there or of no kind that we read."""
    from streams.errors import Misconfigured
    from streams.ingest.rows import format_suffix

    for path in paths:
        if not path.is_file():
            raise Misconfigured(f"{path}: no such file")
        if not any_suffix:
            format_suffix(path)
    return [path.stat().st_size for path in paths]


async def _require_topic(topic: Topic, settings: Settings) -> None:
    from streams.adapters.kafka.admin import KafkaAdmin
    from streams.errors import Misconfigured

    async with KafkaAdmin.connect(settings.kafka) as admin:
        if topic.name not in await admin.describe([topic]):
            raise Misconfigured(f"{topic.name} does not exist on the broker: `sentiwatch topics create`")


class Teller:
    """Shows progress: a bar on a terminal, a line every few seconds elsewhere."""

    def __init__(self, what: str, total: int, unit: str) -> None:
        from rich.console import Console
        from rich.progress import Progress

        console = Console(stderr=True)
        self._words = (what, total, unit)
        self._bar = Progress(console=console, disable=not console.is_terminal)
        self._task = self._bar.add_task(f"{what:9}", total=total)
        self._next = time.monotonic() + LOG_SECONDS

    def at(self, done: int) -> None:
        """So much is done by now."""
        if not self._bar.disable:
            self._bar.update(self._task, completed=done)
        elif time.monotonic() >= self._next:
            self._next = time.monotonic() + LOG_SECONDS
            what, total, unit = self._words
            print(f"{what} {done:,} of {total:,} {unit}", file=sys.stderr, flush=True)

    @contextmanager
    def shown(self) -> Iterator[Teller]:
        with self._bar:
            yield self


@contextmanager
def _progress(what: str, total: int, unit: str) -> Iterator[Teller]:
    with Teller(what, total, unit).shown() as told:
        yield told
