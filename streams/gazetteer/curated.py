"""Our own additions to the lists: names people use, symbols of the past, companies the lists lack.

One row a company. `names` are separated by `|`; a name may end in `~` (ambiguous) and `=` (case-sensitive).
`symbols` likewise: a ticker, or `HK:00700` for a code; `+` marks a ticker that is safe without a `$`.
`@2021-10-28:` or `@:2022-06-09` bounds either: from that day, until (not including) that day.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from streams.domain.entity import Alias, AliasKind, Entity, EntityKind
from streams.gazetteer.names import language_of, western_names
from streams.gazetteer.sources import Catalogue, ticker
from streams.gazetteer.table import read_rows, validity

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_ITEM: Final = re.compile(r"^(?P<text>.*?)(?P<marks>[~=+]*)(?:@(?P<since>[\d-]*):(?P<until>[\d-]*))?$")


def add_curated(catalogue: Catalogue, path: Path, ordinary: frozenset[str]) -> Catalogue:
    """The catalogue with the curated companies merged in; a curated alias replaces a generated one."""
    merged = Catalogue(dict(catalogue.entities), list(catalogue.aliases))
    for row in read_rows(path):
        entity_id = row["entity_id"]
        if row["absorbs"]:
            _absorb(merged, entity_id, row["absorbs"])
        merged.entities[entity_id] = _entity(row, merged.entities.get(entity_id))
        added = [*_names(row), *_symbols(row, ordinary)]
        replaced = {(entity_id, alias.alias.casefold()) for alias in added}
        merged.aliases = [a for a in merged.aliases if (a.entity_id, a.alias.casefold()) not in replaced]
        merged.aliases.extend(added)
    return merged


def _absorb(catalogue: Catalogue, entity_id: str, absorbed: str) -> None:
    """A second share class is the same company."""
    catalogue.entities.pop(absorbed, None)
    catalogue.aliases = [
        replace(alias, entity_id=entity_id) if alias.entity_id == absorbed else alias
        for alias in catalogue.aliases
    ]


def _entity(row: dict[str, str], known: Entity | None) -> Entity:
    if known is not None:
        # A Chinese company keeps the name that Chinese texts, and the model reading them, know it by.
        return known if language_of(known.name) == "zh" else replace(known, name=row["name"] or known.name)
    kind = EntityKind(row["kind"])
    return Entity(
        row["entity_id"],
        kind,
        row["symbol"],
        row["exchange"],
        row["name"],
        "",
        row["country"],
        listed=kind is not EntityKind.PRIVATE and not _all_expired(row["symbols"]),
    )


def _all_expired(symbols: str) -> bool:
    spans = [match["until"] for item in symbols.split("|") if item and (match := _ITEM.match(item))]
    return bool(spans) and all(spans)


def _names(row: dict[str, str]) -> Iterator[Alias]:
    for name in western_names(row["name"])[:1]:
        if " " in name:
            yield Alias(row["entity_id"], name, "en", AliasKind.NAME)
    for item in filter(None, row["names"].split("|")):
        text, marks, span = _parse(item)
        yield Alias(
            row["entity_id"],
            text,
            language_of(text),
            AliasKind.NAME,
            case_sensitive="=" in marks,
            ambiguous="~" in marks,
            validity=validity(*span),
        )


def _symbols(row: dict[str, str], ordinary: frozenset[str]) -> Iterator[Alias]:
    for item in filter(None, row["symbols"].split("|")):
        text, marks, span = _parse(item)
        exchange, _, code = text.partition(":")
        if code:
            mic = {"HK": "XHKG"}.get(exchange, exchange)
            yield Alias(row["entity_id"], f"{mic}:{code}", "zh", AliasKind.CODE, validity=validity(*span))
            continue
        plain = ticker(row["entity_id"], text, ordinary)
        yield replace(plain, ambiguous=plain.ambiguous and "+" not in marks, validity=validity(*span))


def _parse(item: str) -> tuple[str, str, tuple[str, str]]:
    match = _ITEM.match(item.strip())
    if match is None:  # pragma: no cover - the pattern matches every string
        raise ValueError(item)
    return match["text"], match["marks"], (match["since"] or "", match["until"] or "")
