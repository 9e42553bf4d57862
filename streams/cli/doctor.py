"""`sentiwatch doctor`: the start-up checks, one line each."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import typer

from streams.errors import SentiwatchError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from streams.settings import Settings


def doctor(
    settings_only: bool = typer.Option(
        False, "--settings", help="List every setting's name and value; secrets are masked."
    ),
    json_output: bool = typer.Option(False, "--json", help="Print JSON."),
) -> None:
    """Check settings, Postgres, Kafka and Triton; exit 1 if any check fails. Example: sentiwatch doctor"""
    from streams.settings import Settings, load_settings

    if settings_only:
        list_settings(Settings())
        return
    checks: dict[str, Callable[[], Awaitable[str]]] = {
        "postgres": lambda: check_postgres(load_settings()),
        "postgres access": lambda: check_access(load_settings()),
        "kafka": lambda: check_kafka(load_settings()),
        "kafka access": lambda: tell_kafka_access(load_settings()),
        "triton": lambda: check_triton(load_settings()),
        "privacy": lambda: tell_privacy(load_settings()),
        "status endpoints": lambda: check_web(load_settings()),
    }
    results = [("settings", *attempt_settings())]
    if results[0][1]:
        results += [(name, *asyncio.run(attempt(action))) for name, action in checks.items()]
    if json_output:
        typer.echo(json.dumps([{"check": name, "ok": ok, "detail": detail} for name, ok, detail in results]))
    else:
        for name, ok, detail in results:
            typer.echo(f"{'ok  ' if ok else 'FAIL'} {name}: {detail}")
    if not all(ok for _, ok, _ in results):
        raise typer.Exit(1)


def list_settings(settings: Settings) -> None:
    """Names as environment variables, with values as they stand."""
    from pydantic import BaseModel

    for branch in type(settings).model_fields:
        value = getattr(settings, branch)
        if isinstance(value, BaseModel):
            for leaf in type(value).model_fields:
                typer.echo(f"SENTIWATCH_{branch.upper()}__{leaf.upper()}={getattr(value, leaf)}")
        else:
            typer.echo(f"SENTIWATCH_{branch.upper()}={value}")


def attempt_settings() -> tuple[bool, str]:
    """Whether the settings can be read at all."""
    from streams.settings import load_settings

    try:
        load_settings()
    except SentiwatchError as error:
        return False, str(error)
    return True, "every SENTIWATCH_* name is known"


async def attempt(action: Callable[[], Awaitable[str]]) -> tuple[bool, str]:
    """A check's line, whether it passes or not."""
    try:
        return True, await action()
    except SentiwatchError as error:
        return False, str(error)


async def check_postgres(settings: Settings) -> str:
    from streams.adapters.postgres import migrate
    from streams.settings import require

    url = require(settings.postgres.address, "SENTIWATCH_POSTGRES__URL")
    return f"schema at revision {await asyncio.to_thread(migrate.check, url)}"


async def check_access(settings: Settings) -> str:
    from streams.adapters.postgres.access import access
    from streams.adapters.postgres.connection import Database
    from streams.settings import require

    database = Database(require(settings.postgres.address, "SENTIWATCH_POSTGRES__URL"), 2)
    await database.open()
    try:
        return str(await access(database))
    finally:
        await database.close()


async def tell_kafka_access(settings: Settings) -> str:
    kafka = settings.kafka
    if kafka.security_protocol == "PLAINTEXT":
        return "PLAINTEXT: neither TLS nor log-in"
    login = f", {kafka.sasl_mechanism} as {kafka.sasl_username}" if "SASL" in kafka.security_protocol else ""
    ours = ", with our certificate" if kafka.certificate_file else ""
    return f"{kafka.security_protocol}{login}{ours}"


async def check_web(settings: Settings) -> str:
    from streams.runtime.web import check_exposure

    check_exposure(settings.web)
    if not settings.web.port:
        return "switched off"
    guarded = "behind a token" if settings.web.token.get_secret_value() else "without a token"
    return f"{settings.web.host}, port {settings.web.port} or the next free one, {guarded}"


async def tell_privacy(settings: Settings) -> str:
    keys = settings.privacy.key_ring().keys
    demo = ": set SENTIWATCH_PRIVACY__AUTHOR_KEY, this one is public" if settings.privacy.is_demo_key else ""
    return f"author keys of version {', '.join(str(key.version) for key in keys)}{demo}"


async def check_kafka(settings: Settings) -> str:
    from streams.adapters.kafka.admin import end_offsets
    from streams.settings import require
    from streams.wire.topics import SOURCE_CLASSES

    require(settings.kafka.bootstrap, "SENTIWATCH_KAFKA__BOOTSTRAP")
    ends = await end_offsets(settings.kafka, list(SOURCE_CLASSES))
    return f"{len(SOURCE_CLASSES)} input topics with {len(ends)} partitions, {sum(ends.values())} records"


async def check_triton(settings: Settings) -> str:
    from streams.adapters.triton.client import TritonClassifier
    from streams.domain.score import SENTIMENT, TOPIC, Question
    from streams.settings import require

    url = require(settings.triton.url, "SENTIWATCH_TRITON__URL")
    async with TritonClassifier(url, settings.triton) as classifier:
        infos = [await classifier.info(model) for model in (SENTIMENT, TOPIC)]
        for info in infos:
            await classifier.classify(info.model, [Question("Shares are unchanged.")])
    return ", ".join(f"{info.version} answers" for info in infos)
