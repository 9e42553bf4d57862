"""The shipped tables as CSV: one row an entity, one row an alias."""

from __future__ import annotations

import csv
from datetime import date
from typing import TYPE_CHECKING

from streams.domain.entity import ALWAYS, Alias, AliasKind, Entity, EntityKind, Validity
from streams.errors import Misconfigured

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

ENTITY_COLUMNS = (
    "entity_id", "kind", "symbol", "exchange", "name", "sector", "country", "listed",
    "valid_from", "valid_to",
)  # fmt: skip
ALIAS_COLUMNS = (
    "entity_id", "alias", "language", "kind", "case_sensitive", "ambiguous", "valid_from", "valid_to",
)  # fmt: skip


def read_rows(path: Path) -> Iterator[dict[str, str]]:
    """The rows of a CSV file with a header, byte-order mark or not; Misconfigured when it cannot be read."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as handle:
            yield from csv.DictReader(handle)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        message = f"cannot read {path.name}: {error}"
        raise Misconfigured(message) from error


def write_rows(path: Path, header: Iterable[str], rows: Iterable[Iterable[str]]) -> None:
    """Write a CSV file with Unix line ends, so that its hash is the same everywhere."""
    with path.open("w", encoding="utf-8", newline="") as handle:
        writer = csv.writer(handle, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def entity_row(entity: Entity) -> tuple[str, ...]:
    """In the order of `ENTITY_COLUMNS`."""
    return (
        entity.entity_id, entity.kind, entity.symbol, entity.exchange, entity.name, entity.sector,
        entity.country, _flag(entity.listed), *_dates(entity.validity),
    )  # fmt: skip


def alias_row(alias: Alias) -> tuple[str, ...]:
    """In the order of `ALIAS_COLUMNS`."""
    return (
        alias.entity_id, alias.alias, alias.language, alias.kind, _flag(alias.case_sensitive),
        _flag(alias.ambiguous), *_dates(alias.validity),
    )  # fmt: skip


def read_entities(path: Path) -> tuple[Entity, ...]:
    """All entities of a file."""
    return tuple(
        Entity(
            entity_id=row["entity_id"],
            kind=EntityKind(row["kind"]),
            symbol=row["symbol"],
            exchange=row["exchange"],
            name=row["name"],
            sector=row["sector"],
            country=row["country"],
            listed=row["listed"] == "1",
            validity=validity(row["valid_from"], row["valid_to"]),
        )
        for row in read_rows(path)
    )


def read_aliases(path: Path) -> tuple[Alias, ...]:
    """All aliases of a file."""
    return tuple(
        Alias(
            entity_id=row["entity_id"],
            alias=row["alias"],
            language=row["language"],
            kind=AliasKind(row["kind"]),
            case_sensitive=row["case_sensitive"] == "1",
            ambiguous=row["ambiguous"] == "1",
            validity=validity(row["valid_from"], row["valid_to"]),
        )
        for row in read_rows(path)
    )


def validity(since: str, until: str) -> Validity:
    """From ISO dates; an empty string is unbounded."""
    if not since and not until:
        return ALWAYS
    return Validity(
        date.fromisoformat(since) if since else None, date.fromisoformat(until) if until else None
    )


def _flag(value: bool) -> str:  # noqa: FBT001 - a cell of a table
    return "1" if value else ""


def _dates(span: Validity) -> tuple[str, str]:
    return (span.since.isoformat() if span.since else "", span.until.isoformat() if span.until else "")
