"""`sentiwatch replay`: history through the same code, as a run of its own."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from datetime import datetime

    from streams.runtime.status import WorkerStatus
    from streams.settings import Settings


def replay(
    since: Annotated[
        str, typer.Option("--from", help="Event time, ISO 8601; default: the topics' beginning.")
    ] = "",
    until: Annotated[
        str, typer.Option("--to", help="Event time, ISO 8601; default: their end as of now.")
    ] = "",
    run: Annotated[str, typer.Option(help="Name of the run; a run of that name goes on.")] = "",
    topic: Annotated[
        list[str] | None, typer.Option(help="Input topic; repeatable; default: all of them.")
    ] = None,
    json_output: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Replay historical topics into an isolated run; it ends by itself and never touches the live rows.

    Reading starts one baseline (28 days) before --from, so that detection knows what is normal by then.
    Example: sentiwatch replay --from 2026-06-01T00:00Z --to 2026-06-08T00:00Z --run june
    """
    from streams.cli.worker import run_loop
    from streams.logs import set_up_logging
    from streams.settings import load_settings

    settings = load_settings()
    set_up_logging(settings)
    window = moment(since, "--from"), moment(until, "--to")
    name = run or "replay-" + "-".join(part for part in (since, until) if part).replace(":", "")
    result = run_loop(perform(settings, name.rstrip("-"), window, topic or []))
    if json_output:
        typer.echo(json.dumps(result))
    else:
        typer.echo("\n".join(f"{key.replace('_', ' '):22} {value}" for key, value in result.items()))


def moment(text: str, option: str) -> datetime | None:
    """An option as an aware time; None when it is not given."""
    from streams.domain.outcome import Reject
    from streams.wire.times import parse_time

    if not text:
        return None
    parsed = parse_time(text, option)
    if isinstance(parsed, Reject):
        raise typer.BadParameter(f"{option}: not a time with an offset, e.g. 2026-06-01T00:00:00Z")
    return parsed


async def perform(
    settings: Settings, name: str, window: tuple[datetime | None, datetime | None], topics: list[str]
) -> dict[str, Any]:
    """Run it and say what came out."""
    from streams.adapters.kafka.history import HistoryReader, spans_between
    from streams.bootstrap import Variant, open_service
    from streams.cli.progress import watching
    from streams.errors import Misconfigured
    from streams.replay.session import Replay
    from streams.wire.topics import SOURCE_CLASSES, input_topic

    if name in {settings.run, "live"}:
        raise Misconfigured(f"run {name!r} is the live one: give the replay another name with --run")
    inputs = {t: SOURCE_CLASSES[input_topic(t).name] for t in topics} or dict(SOURCE_CLASSES)
    since, until = window
    warm = since - settings.detector.baseline if since else None
    apart = settings.model_copy(update={"run": name})
    async with open_service(apart, Variant(kind="replay", notify=False, inputs=inputs)) as service:
        spans = await spans_between(settings.kafka, list(inputs), warm, until)
        await service.store.register({s: (inputs[s.topic], span.beginning) for s, span in spans.items()})
        async with HistoryReader.connect(settings.kafka) as reader:
            with watching(drain=True) as shown:
                status = await Replay(service, reader, shown).run(spans)
    return {"run": name, **figures(status), **await outcome(settings, name, since)}


def figures(status: WorkerStatus) -> dict[str, Any]:
    """What this attempt did."""
    seconds = status.consumed_seconds
    return {
        "records": status.records,
        "seconds": round(seconds, 2),
        "documents_per_second": round(status.documents / seconds, 1) if seconds else 0.0,
    }


async def outcome(settings: Settings, name: str, since: datetime | None) -> dict[str, Any]:
    """What the run holds now."""
    from streams.adapters.postgres.connection import Database
    from streams.adapters.postgres.results import fingerprint, outcome_counts

    database = Database(settings.postgres.address, 1)
    await database.open()
    try:
        counts = await outcome_counts(database, name, since)
        return {**counts, "fingerprint": (await fingerprint(database, name)).digest}
    finally:
        await database.close()
