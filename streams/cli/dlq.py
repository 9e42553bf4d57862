"""`sentiwatch dlq`: look after dead letters."""

from __future__ import annotations

import asyncio
import getpass
import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from streams.cli.letters import (
    By,
    Everything,
    Json,
    Limit,
    Places,
    Reasons,
    Run,
    Since,
    Source,
    Topics,
    Until,
    require_choice,
    wanted_letters,
)
from streams.cli.run import with_database

if TYPE_CHECKING:
    from streams.adapters.postgres.connection import Database
    from streams.adapters.postgres.dead_letters import DeadLetters
    from streams.deadletters.replaying import Outcome
    from streams.domain.dead_letter import Place, Wanted

app = typer.Typer(
    help="Dead letters: records that could not become documents.\n\nExample: sentiwatch dlq list --reason not_json",
    no_args_is_help=True,
)


@app.command("list")
def list_letters(
    places: Places = None,
    *,
    reason: Reasons = None,
    topic: Topics = None,
    since: Since = "",
    until: Until = "",
    source: Source = "",
    status: Annotated[str, typer.Option(help="open, replayed, resolved, dropped or all.")] = "open",
    counts: Annotated[
        bool, typer.Option("--counts", help="Numbers by topic, reason and status; no other filter.")
    ] = False,
    limit: Limit = 50,
    run: Run = "live",
    as_json: Json = False,
) -> None:
    """Letters in the order of their places. Example: sentiwatch dlq list --reason not_json --reason not_utf8"""
    from streams.deadletters.showing import summary
    from streams.domain.dead_letter import STATUSES

    if status not in {*STATUSES, "all"}:
        raise typer.BadParameter(f"--status: choose from {', '.join(STATUSES)}, all")
    if counts:
        _print_counts(run, as_json=as_json)
        return
    statuses = () if status == "all" else (status,)
    wanted = wanted_letters(places, reason, topic, (since, until), source, limit, run, statuses)
    rows = [summary(letter) for letter in _with_letters(run, lambda letters: letters.find(wanted))]
    if as_json:
        typer.echo(json.dumps(rows, default=str))
        return
    for row in rows:
        first = f"  first failed at {row['first_failure']}" if row["first_failure"] else ""
        typer.echo(
            f"{row['place']:<26} {row['status']:<9} {row['reason']:<18} {row['bytes']:>8} bytes"
            f"  {row['ingest_time']:%Y-%m-%d %H:%M:%S}  {row['detail']}{first}"
        )
    typer.echo(f"{len(rows)} letters" + (f" (at most {limit} are shown)" if len(rows) == limit else ""))


@app.command()
def show(
    place: Annotated[str, typer.Argument(help="topic-partition-offset", metavar="PLACE")],
    *,
    shown_bytes: Annotated[int, typer.Option("--bytes", min=0, help="Of the record, at most.")] = 2_000,
    run: Run = "live",
    as_json: Json = False,
) -> None:
    """One letter: reason, coordinates, history, and its beginning with secrets and authors masked.

    Example: sentiwatch dlq show news.raw.v1-0-17
    """
    from streams.deadletters.showing import dossier
    from streams.errors import Misconfigured

    wanted = wanted_letters([place], run=run)

    async def look(letters: DeadLetters) -> dict[str, Any]:
        found = await letters.find(wanted)
        if not found:
            raise Misconfigured(f"no dead letter at {place} in run {run}")
        return dossier(found[0], await letters.history(found[0].place), shown_bytes)

    told = _with_letters(run, look)
    if as_json:
        typer.echo(json.dumps(told, default=str))
        return
    for name, value in told.items():
        if name != "history":
            typer.echo(f"{name:<14} {value}")
    for event in told["history"]:
        typer.echo(f"{event['at']:%Y-%m-%d %H:%M:%S}  {event['kind']} by {event['by']}"
                   f"{'  ' + event['copy'] if 'copy' in event else ''}  {event['note']}")  # fmt: skip


@app.command()
def replay(
    places: Places = None,
    *,
    reason: Reasons = None,
    topic: Topics = None,
    since: Since = "",
    until: Until = "",
    source: Source = "",
    everything: Everything = False,
    limit: Limit = None,
    note: Annotated[str, typer.Option(help="Why, for the history.")] = "",
    by: By = "",
    run: Run = "live",
    as_json: Json = False,
) -> None:
    """Publish the original bytes of open letters again, each once; the worker reads them like any record.

    Example: sentiwatch dlq replay --reason unknown_version --note "the decoder knows them now"
    """
    wanted = wanted_letters(places, reason, topic, (since, until), source, limit, run)
    require_choice(wanted, everything=everything)
    outcome = asyncio.run(_replay(wanted, by or getpass.getuser(), note))
    if as_json:
        typer.echo(json.dumps({
            "published": [str(place) for place in outcome.published],
            "found_published": [str(place) for place in outcome.found_published],
            "refused": {str(place): why for place, why in outcome.refused},
        }))  # fmt: skip
        return
    for place, why in outcome.refused:
        typer.echo(f"{place}: not replayed: {why}", err=True)
    found = len(outcome.found_published)
    typer.echo(
        f"{len(outcome.published)} published" + (f"; {found} of an earlier call, cut off" if found else "")
    )


@app.command()
def drop(
    places: Places = None,
    *,
    note: Annotated[str, typer.Option(help="Why: it is recorded.")],
    reason: Reasons = None,
    topic: Topics = None,
    since: Since = "",
    until: Until = "",
    source: Source = "",
    everything: Everything = False,
    limit: Limit = None,
    by: By = "",
    run: Run = "live",
    as_json: Json = False,
) -> None:
    """Give open letters up; their rows stay, with who did it and why.

    Example: sentiwatch dlq drop --reason empty_text --note "photo captions"
    """
    from streams.domain.dead_letter import Event

    if not note.strip():
        raise typer.BadParameter("--note: say why")
    wanted = wanted_letters(places, reason, topic, (since, until), source, limit, run, ("open",))
    require_choice(wanted, everything=everything)
    operator = by or getpass.getuser()

    async def give_up(letters: DeadLetters) -> list[Place]:
        dropped = [letter.place for letter in await letters.find(wanted)]
        await letters.note([Event(place, "dropped", operator, note.strip()) for place in dropped])
        return dropped

    dropped = _with_letters(run, give_up)
    typer.echo(json.dumps([str(place) for place in dropped]) if as_json else f"{len(dropped)} dropped")


def _print_counts(run: str, *, as_json: bool) -> None:
    rows = _with_letters(run, lambda letters: letters.count())
    names = ("topic", "reason", "status", "letters")
    if as_json:
        typer.echo(json.dumps([dict(zip(names, row, strict=True)) for row in rows]))
        return
    for topic, reason, status, letters in rows:
        typer.echo(f"{topic:<16} {reason:<20} {status:<9} {letters:>8}")


def _with_letters(run: str, action: Any) -> Any:
    from streams.adapters.postgres.dead_letters import open_letters

    async def perform(database: Database) -> Any:
        return await action(await open_letters(database, run))

    return with_database(perform)


async def _replay(wanted: Wanted, operator: str, note: str) -> Outcome:
    from streams.adapters.kafka.producer import KafkaProducer
    from streams.adapters.kafka.translation import silence_driver
    from streams.adapters.postgres.connection import Database
    from streams.adapters.postgres.dead_letters import open_letters
    from streams.cli.database import url
    from streams.deadletters.replaying import Replayer
    from streams.settings import load_settings, require

    settings = load_settings()
    require(settings.kafka.bootstrap, "SENTIWATCH_KAFKA__BOOTSTRAP")
    silence_driver()
    database = Database(url(), 3)
    await database.open()
    try:
        letters = await open_letters(database, wanted.run)
        async with KafkaProducer.connect(settings.kafka) as producer:
            return await Replayer(letters, producer, settings.kafka, operator, note).replay(wanted)
    finally:
        await database.close()
