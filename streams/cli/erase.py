"""`sentiwatch erase`: remove a document or everything of an author, for good."""

from __future__ import annotations

import json
import sys
import uuid
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from streams.adapters.postgres.connection import Database
    from streams.adapters.postgres.erasing import Erased, Request
    from streams.settings import Settings

KEY_HEX = 64


def erase(
    author: Annotated[
        str,
        typer.Option(
            help="A handle, or an author key of 64 hexadecimal digits; - reads it from standard input."
        ),
    ] = "",
    document: Annotated[
        str, typer.Option(help="A document's id (a UUID), or its id at the source; - reads standard input.")
    ] = "",
    source: Annotated[str, typer.Option(help="The source meant; default: every source.")] = "",
    json_output: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Erase it from every table of every run, remember that for every later replay, and say what Kafka still holds.

    Example: sentiwatch erase --author @handle --source forum
    """
    import asyncio

    from streams.settings import load_settings

    if bool(author) == bool(document):
        raise typer.BadParameter("give either --author or --document")
    told = sys.stdin.readline().strip() if "-" in (author, document) else author or document
    result = asyncio.run(perform(load_settings(), told, source, is_author=bool(author)))
    typer.echo(json.dumps(result, default=str) if json_output else as_text(result))


async def perform(settings: Settings, told: str, source: str, *, is_author: bool) -> dict[str, Any]:
    """Erase, fold what is left, ask Kafka."""
    from streams.adapters.postgres.connection import Database
    from streams.adapters.postgres.erasing import erase as erase_rows
    from streams.settings import require

    database = Database(require(settings.postgres.address, "SENTIWATCH_POSTGRES__URL"), 2)
    await database.open()
    try:
        request = (
            author_request(told, source) if is_author else await document_request(database, told, source)
        )
        erased = await erase_rows(database, request, settings.privacy.key_ring())
        folded = await fold(database, settings, erased.runs)
    finally:
        await database.close()
    return {
        "request": erased.request_id,
        "documents": erased.documents,
        "rows": {table: count for table, count in erased.rows.items() if count},
        "folded": folded,
        **await held(settings, erased),
    }


def author_request(told: str, source: str) -> Request:
    """A key by its form, else a handle."""
    from streams.adapters.postgres.erasing import Request
    from streams.domain.pseudonym import plain

    if len(told) == KEY_HEX and all(digit in "0123456789abcdefABCDEF" for digit in told):
        return Request(key=bytes.fromhex(told))
    if not plain(told):
        raise typer.BadParameter("--author: an empty handle")
    return Request(handle=plain(told), source=source)


async def document_request(database: Database, told: str, source: str) -> Request:
    """A UUID, or a source-side id that is unambiguous.

    Raises:
        Misconfigured: no source is given and none, or more than one, has such a document.
    """
    from streams.adapters.postgres.erasing import Request
    from streams.domain.document import document_id_of
    from streams.errors import Misconfigured

    try:
        return Request(document=uuid.UUID(told))
    except ValueError:
        pass
    async with database.transaction() as connection:
        cursor = await connection.execute(
            "SELECT DISTINCT source FROM core.document_key WHERE source_id = %s ORDER BY 1", (told,)
        )
        found = [row[0] for row in await cursor.fetchall()]
    if not source and len(found) != 1:
        many = f"several sources have it ({', '.join(found)})" if found else "no stored document has this id"
        raise Misconfigured(f"{many}: say which source is meant with --source")
    return Request(document=document_id_of(source or found[0], told), source_id=told)


async def fold(database: Database, settings: Settings, runs: list[str]) -> dict[str, str]:
    """Refold the windows of these runs under their own settings, as their closer does; says how that went."""
    from streams.adapters.postgres.closing import PostgresClosingStore
    from streams.adapters.postgres.runs import find_run, run_settings
    from streams.errors import SentiwatchError
    from streams.stages.close_windows import Closer

    told = {}
    for name in runs:
        try:
            async with database.transaction() as connection:
                run = await find_run(connection, name)
                stored = await run_settings(connection, name)
            if run is None:
                continue
            own = settings.model_copy(
                update={
                    part: getattr(settings, part).model_validate(stored[part])
                    for part in ("time", "limits", "detector")
                    if part in stored
                }
            )
            closer = Closer(PostgresClosingStore(database, run, own), own, name)
            while not (await closer.step(end_of_input=False)).caught_up:
                pass
            told[name] = "folded"
        except SentiwatchError as error:
            told[name] = f"left to its worker: {error}"
    return told


async def held(settings: Settings, erased: Erased) -> dict[str, Any]:
    """What Kafka still holds, or that it could not be asked."""
    from dataclasses import asdict

    from streams.adapters.kafka.retained import copies_expire, still_held
    from streams.errors import SentiwatchError

    records = {(place.topic, place.partition, place.offset): place.time for place in erased.places}
    try:
        ranges = [asdict(item) for item in await still_held(settings.kafka, records)] if records else []
        copies = []
        if erased.copies:
            until = await copies_expire(settings.kafka, list(erased.copies.values()))
            copies = [
                {"topic": "dead-letters.v1", "key": key, "until": until} for key in sorted(erased.copies)
            ]
    except SentiwatchError as error:
        asked = [{"topic": t, "partition": p, "first": o, "last": o} for t, p, o in sorted(records)]
        return {"kafka": asked, "kafka_copies": sorted(erased.copies), "kafka_unknown": str(error)}
    return {"kafka": ranges, "kafka_copies": copies}


def as_text(result: dict[str, Any]) -> str:
    """For people."""
    lines = [f"erased {result['documents']} documents (request {result['request']})"]
    lines += [f"  {table:18} {count} rows" for table, count in result["rows"].items()]
    lines += [f"  run {name}: windows {how}" for name, how in result["folded"].items()]
    if result.get("kafka_unknown"):
        lines.append(f"Kafka could not be asked ({result['kafka_unknown']}); it may still hold:")
    elif result["kafka"] or result["kafka_copies"]:
        lines.append("Kafka cannot delete single records. It still holds:")
    for item in result["kafka"]:
        until = item.get("until")
        when = f"until {until:%Y-%m-%d %H:%M} UTC" if until else "for as long as its topic's retention says"
        if "until" in item and until is None:
            when = "for ever (retention.ms=-1)"
        lines.append(f"  {item['topic']}-{item['partition']} offsets {item['first']}-{item['last']} {when}")
    for item in result["kafka_copies"]:
        lines.append(f"  {item if isinstance(item, str) else copy_line(item)}")
    lines.append("Every later replay and redelivery leaves it out.")
    return "\n".join(lines)


def copy_line(item: dict[str, Any]) -> str:
    """A published copy of a dead letter."""
    until = item["until"]
    return f"dead-letters.v1 key {item['key']} {f'until {until:%Y-%m-%d %H:%M} UTC' if until else 'for ever'}"
