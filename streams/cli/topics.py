"""`sentiwatch topics create | describe`."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from streams.adapters.kafka.admin import TopicState
    from streams.settings import KafkaSettings
    from streams.wire.topics import Topic

app = typer.Typer(
    help="Kafka's topics, from the one topic table.\n\nExample: sentiwatch topics create",
    no_args_is_help=True,
)

Json = Annotated[bool, typer.Option("--json", help="machine-readable")]


@app.command()
def create(as_json: Json = False) -> None:
    """Make the topics that are missing; those that exist stay as they are.

    Example: sentiwatch topics create
    """
    from streams.settings import load_settings
    from streams.wire.topics import TOPICS

    settings = load_settings().kafka
    made = asyncio.run(_create(settings))
    if as_json:
        existed = [topic.name for topic in TOPICS if topic.name not in made]
        typer.echo(json.dumps({"created": made, "existed": existed}))
        return
    for topic in TOPICS:
        partitions = topic.partition_count(settings)
        typer.echo(
            f"{topic.name:16} {'created' if topic.name in made else 'exists '}  partitions: {partitions}"
        )


@app.command()
def describe(as_json: Json = False) -> None:
    """Show the table beside what the broker has. Exit 1 when a topic is missing or has other partitions.

    Example: sentiwatch topics describe --json
    """
    from streams.settings import load_settings
    from streams.wire.topics import TOPICS

    settings = load_settings().kafka
    found = asyncio.run(_describe(settings))
    rows = [_row(topic, found.get(topic.name), settings) for topic in TOPICS]
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
    else:
        for row in rows:
            typer.echo(_line(row))
    if not all(row["ok"] for row in rows):
        raise typer.Exit(1)


def _row(topic: Topic, state: TopicState | None, settings: KafkaSettings) -> dict[str, object]:
    from streams.adapters.kafka.admin import config_differences

    expected = topic.partition_count(settings)
    return {
        "name": topic.name,
        "direction": topic.direction,
        "purpose": topic.purpose,
        "exists": state is not None,
        "ok": state is not None and state.partitions == expected,
        "partitions": state and state.partitions,
        "expected_partitions": expected,
        "replication": state and state.replication,
        "config": dict(topic.config),
        "config_differences": config_differences(topic, state) if state else {},
    }


def _line(row: dict[str, object]) -> str:
    if not row["exists"]:
        return f"{row['name']:16} missing: `sentiwatch topics create`"
    line = f"{row['name']:16} {row['direction']:6} partitions: {row['partitions']} × {row['replication']}"
    if not row["ok"]:
        line += f" (expected {row['expected_partitions']})"
    if differs := row["config_differences"]:
        line += f"; set otherwise on the broker: {', '.join(sorted(differs))}"  # type: ignore[call-overload]
    return f"{line}; {row['purpose']}"


async def _create(settings: KafkaSettings) -> list[str]:
    from streams.adapters.kafka.admin import KafkaAdmin
    from streams.adapters.kafka.translation import silence_driver
    from streams.wire.topics import TOPICS

    silence_driver()
    async with KafkaAdmin.connect(settings) as admin:
        return await admin.create(TOPICS)


async def _describe(settings: KafkaSettings) -> dict[str, TopicState]:
    from streams.adapters.kafka.admin import KafkaAdmin
    from streams.adapters.kafka.translation import silence_driver
    from streams.wire.topics import TOPICS

    silence_driver()
    async with KafkaAdmin.connect(settings) as admin:
        return await admin.describe(TOPICS)
