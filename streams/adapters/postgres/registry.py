"""Reference tables: entities, their names, topics. Loaded from what ships with the release."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING, Any

from streams.domain.entity import MARKET
from streams.domain.label import TOPICS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from psycopg import AsyncConnection

    from streams.gazetteer.catalogue import Gazetteer


def midnight(day: date | None) -> datetime | None:
    """The UTC midnight that starts a day."""
    return None if day is None else datetime.combine(day, time(), UTC)


async def load_reference(connection: AsyncConnection[Any], gazetteer: Gazetteer) -> None:
    """Make the reference tables say what the gazetteer says. Idempotent; takes about a second."""
    topics = [(topic.slug, topic.title, topic.iptc) for topic in TOPICS]
    await connection.execute("LOCK TABLE core.entity IN SHARE ROW EXCLUSIVE MODE")
    await connection.execute("DELETE FROM core.entity_alias")
    await connection.execute("DELETE FROM core.entity")
    await connection.execute("DELETE FROM core.topic")
    await _copy(connection, "entity", _entities(gazetteer))
    await _copy(connection, "entity_alias", _aliases(gazetteer))
    await _copy(connection, "topic", topics)


async def add_reference(connection: AsyncConnection[Any], gazetteer: Gazetteer) -> None:
    """Entities of another gazetteer that the tables do not know yet, so that its run has names; nothing else changes."""
    rows = _entities(gazetteer)
    async with connection.cursor() as cursor:
        await cursor.executemany(
            "INSERT INTO core.entity VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING", rows
        )


def _entities(gazetteer: Gazetteer) -> list[tuple[Any, ...]]:
    return [(MARKET, "market", "", "", "No company", "", "", None, None)] + [
        (
            entity.entity_id, entity.kind.value, entity.symbol, entity.exchange, entity.name, entity.sector,
            entity.country, midnight(entity.validity.since), midnight(entity.validity.until),
        )
        for entity in gazetteer.entities
    ]  # fmt: skip


def _aliases(gazetteer: Gazetteer) -> list[tuple[Any, ...]]:
    return [
        (
            number, alias.entity_id, alias.alias, alias.kind.value, alias.language, midnight(alias.validity.since),
            midnight(alias.validity.until),
        )
        for number, alias in enumerate(gazetteer.aliases)
    ]  # fmt: skip


async def _copy(connection: AsyncConnection[Any], table: str, rows: Sequence[tuple[Any, ...]]) -> None:
    async with connection.cursor() as cursor, cursor.copy(f"COPY core.{table} FROM STDIN") as copy:
        for row in rows:
            await copy.write_row(row)
