"""Which entity a price file is about: tickers and codes as of the days of its bars."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from streams.errors import Misconfigured

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import date

CHINESE = re.compile(r"(?:(SH|SZ|BJ)[.:]?)?(\d{6})(?:\.(SH|SS|SZ|BJ))?", re.IGNORECASE)
MARKETS = {"SH": "XSHG", "SS": "XSHG", "SZ": "XSHE", "BJ": "BJSE"}


@dataclass(frozen=True, slots=True)
class Listing:
    """A ticker or code of an entity and when it was its."""

    entity_id: str
    symbol: str
    exchange: str
    since: date | None = None
    until: date | None = None

    def covers(self, start: date, end: date) -> bool:
        """Whether it was the entity's at some time of [start, end]."""
        return (self.since is None or self.since <= end) and (self.until is None or start < self.until)


@dataclass(frozen=True, slots=True)
class Universe:
    """Price symbols with their entities, one symbol an entity."""

    entities: dict[str, str]
    """Entity → symbol."""
    exchanges: frozenset[str]
    """Of those symbols that are primary listings."""
    unknown: tuple[str, ...]
    """Symbols that are no entity's, or more than one's."""
    doubled: tuple[str, ...]
    """Symbols of an entity that has another one already (share classes); the first in the alphabet counts."""


def match(symbols: Sequence[str], listings: Iterable[Listing], start: date, end: date) -> Universe:
    """Resolve price symbols as of the days of the bars, so that FB of 2014 is found although it is META today.

    Raises:
        Misconfigured: no symbol is known.
    """
    owners: dict[tuple[str, str], set[tuple[str, str]]] = {}
    for listing in listings:
        if listing.covers(start, end):
            for exchange in {listing.exchange, ""}:
                key = (exchange, normal(listing.symbol)[1])
                owners.setdefault(key, set()).add((listing.entity_id, listing.exchange))
    entities: dict[str, str] = {}
    exchanges: set[str] = set()
    unknown, doubled = [], []
    for symbol in sorted(symbols):
        found = owners.get(normal(symbol), set())
        if len({entity for entity, _ in found}) != 1:
            unknown.append(symbol)
            continue
        entity_id, exchange = min(found)
        if entity_id in entities:
            doubled.append(symbol)
            continue
        entities[entity_id] = symbol
        exchanges |= {exchange} - {""}
    if not entities:
        raise Misconfigured(f"none of the {len(symbols)} price symbols is a listing of a known entity")
    return Universe(entities, frozenset(exchanges), tuple(unknown), tuple(doubled))


def normal(symbol: str) -> tuple[str, str]:
    """(exchange where the symbol says so, symbol) in one spelling: BRK-B = BRK.B, SH600519 = 600519.SH."""
    found = CHINESE.fullmatch(symbol.strip())
    if found:
        market = (found[1] or found[3] or "").upper()
        return MARKETS.get(market, ""), found[2]
    return "", symbol.strip().upper().replace("-", ".").replace("/", ".")
