"""`sentiwatch replay`: history through the same code, as a run of its own."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from datetime import datetime

    from streams.replay.pace import Pace
    from streams.replay.request import Request
    from streams.settings import Settings

Texts = list[str] | None


def replay(
    since: Annotated[
        str, typer.Option("--from", help="Event time, ISO 8601; default: the topics' beginning.")
    ] = "",
    until: Annotated[
        str, typer.Option("--to", help="Event time, ISO 8601; default: their end as of now.")
    ] = "",
    run: Annotated[str, typer.Option(help="Name of the run; a run of that name goes on.")] = "",
    topic: Annotated[Texts, typer.Option(help="Input topic; repeatable; default: all of them.")] = None,
    file: Annotated[
        Texts,
        typer.Option(
            help="Read this JSONL, CSV or Parquet file instead of Kafka; repeatable; needs one --topic."
        ),
    ] = None,
    map_: Annotated[
        str, typer.Option("--map", help="With --file: target=field pairs, as of `ingest file`.")
    ] = "",
    source: Annotated[str, typer.Option(help="With --file: the source of every row.")] = "",
    workers: Annotated[int, typer.Option(min=1, help="Processes that share the partitions.")] = 1,
    share: Annotated[
        str,
        typer.Option(
            metavar="I/N", help="Only the I-th of N shares of the partitions: one process of a run."
        ),
    ] = "",
    load: Annotated[
        float,
        typer.Option(min=0.05, max=1.0, help="Share of the time and of the requests in flight it may take."),
    ] = 1.0,
    detect_only: Annotated[
        bool,
        typer.Option("--detect-only", help="Judge the stored mentions of --base anew; no Kafka, no models."),
    ] = False,
    base: Annotated[str, typer.Option(help="With --detect-only: the run to judge.")] = "live",
    changes: Annotated[
        Texts,
        typer.Option("--set", metavar="KEY=VALUE", help="A setting of this run, e.g. detector.count_p=1e-8."),
    ] = None,
    gazetteer: Annotated[
        str, typer.Option(help="Version of the entity list: the shipped one, or a directory with its files.")
    ] = "",
    rescore: Annotated[
        str, typer.Option(metavar="MODEL_VERSION", help="The sentiment model that Triton must be serving.")
    ] = "",
    json_output: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Replay history into an isolated run; it ends by itself and never touches the live rows.

    Reading starts one baseline (28 days) before --from, so that detection knows what is normal by then; alerts of that
    warm-up are marked and not reported. Example: sentiwatch replay --from 2026-06-01T00:00Z --to 2026-06-08T00:00Z --run june
    """
    from streams.cli.worker import run_loop
    from streams.logs import set_up_logging
    from streams.replay.pace import Pace
    from streams.replay.request import Request
    from streams.settings import load_settings

    settings = load_settings()
    set_up_logging(settings)
    name = run or "-".join(part for part in ("replay", since, until) if part).replace(":", "")
    request = Request(
        name=name,
        since=moment(since, "--from"),
        until=moment(until, "--to"),
        topics=tuple(topic or ()),
        files=tuple(file or ()),
        mapping=map_,
        source=source,
        base=base if detect_only else "",
        changes=tuple(changes or ()),
        gazetteer=gazetteer,
        rescore=rescore,
    )
    check_usage(request, workers, share)
    result = run_loop(answer(settings, request, Pace(workers, share, load)))
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


def check_usage(request: Request, workers: int, share: str) -> None:
    """Mistakes on the command line: exit 2."""
    if request.files and (len(request.topics) != 1 or workers > 1 or share):
        raise typer.BadParameter("--file needs one --topic, and is read by one process")
    if (request.mapping or request.source) and not request.files:
        raise typer.BadParameter("--map and --source belong to --file")
    if request.base and (request.files or request.topics or request.gazetteer or request.rescore):
        raise typer.BadParameter(
            "--detect-only reads what is stored: --file, --topic, --gazetteer and --rescore need a whole replay"
        )
    if workers > 1 and share:
        raise typer.BadParameter("--workers starts the processes that --share describes: give one of them")


async def answer(settings: Settings, request: Request, pace: Pace) -> dict[str, Any]:
    """Run it and say what the run holds then.

    Raises:
        Misconfigured: it would write into the live run, or it was begun as something else.
    """
    from streams.cli.rehearse import rehearse
    from streams.cli.replaying import read_shares, replay_history
    from streams.errors import Misconfigured

    if request.name in {settings.run, "live"}:
        raise Misconfigured(f"run {request.name!r} is the live one: give the replay another name with --run")
    if request.base:
        made = await rehearse(settings, request)
    elif pace.workers > 1:
        made = await read_shares(request, pace)
    else:
        made = await replay_history(settings, request, pace)
    if pace.share:
        return {"run": request.name, **made}
    return {"run": request.name, **made, **await outcome(settings, request)}


async def outcome(settings: Settings, request: Request) -> dict[str, Any]:
    """What the run holds now."""
    from streams.adapters.postgres.connection import Database
    from streams.adapters.postgres.results import fingerprint, outcome_counts

    database = Database(settings.postgres.address, 1)
    await database.open()
    try:
        counts = await outcome_counts(database, request.name, request.since)
        return {**counts, "fingerprint": (await fingerprint(database, request.name)).digest}
    finally:
        await database.close()
