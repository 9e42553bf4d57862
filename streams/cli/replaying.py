"""`sentiwatch replay` from Kafka or files: one process, or several that share the partitions."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from streams.errors import Misconfigured

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from streams.adapters.kafka.admin import OffsetSpan
    from streams.adapters.postgres.connection import Database
    from streams.bootstrap import Variant
    from streams.domain.document import SourceClass, SourcePartition
    from streams.replay.pace import Pace
    from streams.replay.request import Request
    from streams.replay.session import Reader
    from streams.runtime.status import WorkerStatus
    from streams.settings import Settings

Spans = dict["SourcePartition", "OffsetSpan"]


async def replay_history(settings: Settings, request: Request, pace: Pace) -> dict[str, Any]:
    """Read, score, store, close and judge; one process.

    Raises:
        Misconfigured: the run was begun as something else.
    """
    from streams.bootstrap import open_service
    from streams.cli.progress import watching
    from streams.replay.pace import Share, Throttle, throttled
    from streams.replay.session import Replay
    from streams.replay.whatif import as_changes, with_changes

    chosen = throttled(with_changes(settings, request.changes), pace.load)
    chosen = chosen.model_copy(update={"run": request.name})
    digests = await asyncio.to_thread(digests_of, request)
    request = replace(request, changes=tuple(as_changes(chosen)), digests=digests)
    share, inputs = Share.parse(pace.share), inputs_of(request)
    async with opened(settings) as database:
        await refuse_another(database, request)
        async with (
            reading(chosen, request) as (reader, found),
            open_service(chosen, variant(request, inputs)) as service,
        ):
            spans = await begin(database, request, found)
            await service.store.register({s: (inputs[s.topic], span.beginning) for s, span in spans.items()})
            with watching(drain=True) as shown:
                session = Replay(service, reader, shown, share=share, throttle=Throttle(pace.load))
                status = await session.run(spans)
    return figures(status)


def inputs_of(request: Request) -> dict[str, SourceClass]:
    """The topics it reads, with their class."""
    from streams.wire.topics import SOURCE_CLASSES, input_topic

    return {name: SOURCE_CLASSES[input_topic(name).name] for name in request.topics} or dict(SOURCE_CLASSES)


def variant(request: Request, inputs: Mapping[str, SourceClass]) -> Variant:
    """How its service differs from the live one."""
    from streams.bootstrap import Variant

    return Variant(
        kind="replay",
        notify=False,
        inputs=inputs,
        gazetteer=gazetteer_of(request.gazetteer) if request.gazetteer else None,
        sentiment_version=request.rescore,
        publishes=False,
    )


def gazetteer_of(name: str) -> Any:
    """The entity list of that version, or in that directory.

    Raises:
        Misconfigured: there is none.
    """
    from streams.gazetteer.catalogue import Gazetteer

    if Path(name).is_dir():
        return Gazetteer.load(Path(name))
    shipped = Gazetteer.load()
    if shipped.version != name:
        raise Misconfigured(
            f"--gazetteer {name}: neither the version that ships ({shipped.version}) nor a directory with entities.csv, "
            "aliases.csv and blocked.csv"
        )
    return shipped


def digests_of(request: Request) -> tuple[str, ...]:
    """SHA-256 of its files."""
    from streams.replay.files import digest

    missing = [name for name in request.files if not Path(name).is_file()]
    if missing:
        raise Misconfigured(f"{missing[0]}: no such file")
    return tuple(digest(Path(name)) for name in request.files)


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Database]:
    """The database beside the service's own connections."""
    from streams.adapters.postgres.connection import Database
    from streams.settings import require

    database = Database(require(settings.postgres.address, "SENTIWATCH_POSTGRES__URL"), 2)
    await database.open()
    try:
        yield database
    finally:
        await database.close()


@asynccontextmanager
async def reading(settings: Settings, request: Request) -> AsyncIterator[tuple[Reader, Spans]]:
    """Where its records come from, and the offsets that it holds now."""
    from streams.adapters.kafka.history import HistoryReader, spans_between
    from streams.replay.files import FileHistory
    from streams.settings import require
    from streams.wire.limits import InputLimits

    warm = request.since - settings.detector.baseline if request.since else None
    if request.files:
        with FileHistory.open(request, InputLimits.of(settings), warm) as history:
            for row in history.bad.first:
                print(f"{row.path}:{row.line}: {row.why.reason}: {row.why.detail}", file=sys.stderr)
            yield history, history.spans()
        return
    require(settings.kafka.bootstrap, "SENTIWATCH_KAFKA__BOOTSTRAP")
    found = await spans_between(settings.kafka, list(inputs_of(request)), warm, request.until)
    async with HistoryReader.connect(settings.kafka) as reader:
        yield reader, found


async def refuse_another(database: Database, request: Request) -> None:
    """Before anything of the run is touched."""
    from streams.adapters.postgres.rehearsals import stored_request

    request.check_same(await stored_request(database, request.name))


async def begin(database: Database, request: Request, found: Spans) -> Spans:
    """Note the request; the offsets are those of whoever began the run."""
    from streams.adapters.kafka.admin import OffsetSpan
    from streams.adapters.postgres.rehearsals import claim_offsets, note_request
    from streams.adapters.postgres.runs import find_run
    from streams.domain.document import SourcePartition

    asked = {
        f"{source.topic}/{source.partition}": [span.beginning, span.end] for source, span in found.items()
    }
    async with database.transaction() as connection:
        run = await find_run(connection, request.name)
        assert run is not None
        stored = await claim_offsets(connection, run, asked)
        await note_request(connection, run, request.as_json(), (request.since, request.until))
    spans = {}
    for place, (first, last) in stored.items():
        topic, _, partition = place.rpartition("/")
        spans[SourcePartition(topic, int(partition))] = OffsetSpan(first, last)
    return spans


def figures(status: WorkerStatus) -> dict[str, Any]:
    """What this attempt did."""
    seconds = status.consumed_seconds
    return {
        "records": status.records,
        "seconds": round(seconds, 2),
        "documents_per_second": round(status.documents / seconds, 1) if seconds else 0.0,
    }


async def read_shares(request: Request, pace: Pace) -> dict[str, Any]:
    """One process a share; the last to finish closes the run. All of them end when one fails.

    Raises:
        Misconfigured: a process failed; the text is what it said.
    """
    began = time.monotonic()
    processes = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-m", "streams", *request.arguments()[1:], "--share", f"{number}/{pace.workers}",
            "--load", str(pace.load), "--json", stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )
        for number in range(1, pace.workers + 1)
    ]  # fmt: skip
    told = [asyncio.ensure_future(_finish(process)) for process in processes]
    try:
        made = await asyncio.gather(*told)
    finally:
        for process in processes:
            if process.returncode is None:
                process.kill()
                await process.wait()
    seconds = time.monotonic() - began
    records = sum(each["records"] for each in made)
    return {
        "workers": pace.workers,
        "records": records,
        "seconds": round(seconds, 2),
        "documents_per_second": round(records / seconds, 1),
    }


async def _finish(process: asyncio.subprocess.Process) -> dict[str, Any]:
    """What a share says of itself; its log goes on to our own."""
    assert process.stdout is not None
    assert process.stderr is not None
    last = ""
    async for line in process.stderr:
        last = line.decode(errors="replace").rstrip()
        print(last, file=sys.stderr, flush=True)
    out = await process.stdout.read()
    if await process.wait() != 0:
        raise Misconfigured(f"a share of the replay failed: {last.removeprefix('sentiwatch: ')}")
    found: dict[str, Any] = json.loads(out)
    return found
