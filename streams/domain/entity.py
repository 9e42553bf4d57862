"""Nouns of the gazetteer: who can be named in a document, and under which names, when."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from datetime import date

MARKET: Final = "MARKET"
"""Entity id of the mention without a company, which every document has."""


class EntityKind(StrEnum):
    """What an entity is; `PRIVATE` is a company without a listing of its own."""

    COMPANY = "company"
    PRIVATE = "private"
    ETF = "etf"
    MARKET = "market"


class AliasKind(StrEnum):
    """How a name is written; only `TICKER` and `CODE` change owner over time."""

    NAME = "name"
    SHORT = "short"
    FORMER = "former"
    TICKER = "ticker"
    CODE = "code"


class MatchMethod(StrEnum):
    """The strongest evidence for a mention, strongest first."""

    NAME = "name"
    CODE = "code"
    CASHTAG = "cashtag"
    TICKER = "ticker"
    HINT = "hint"


@dataclass(frozen=True, slots=True)
class Validity:
    """Half-open range of UTC dates `[since, until)`; `None` is unbounded."""

    since: date | None = None
    until: date | None = None

    def covers(self, day: date) -> bool:
        """Whether the range holds on that day."""
        return (self.since is None or self.since <= day) and (self.until is None or day < self.until)


ALWAYS: Final = Validity()


@dataclass(frozen=True, slots=True)
class Entity:
    """A company under its own permanent id; symbols, names and listings may change, the id never does."""

    entity_id: str
    kind: EntityKind
    symbol: str
    exchange: str
    """MIC of the primary listing; `US` where the source does not say which exchange; empty = unlisted."""
    name: str
    sector: str
    country: str
    listed: bool
    """False when delisted, private, or when the source has no listing date."""
    validity: Validity = ALWAYS


@dataclass(frozen=True, slots=True)
class Alias:
    """One way of writing an entity."""

    entity_id: str
    alias: str
    language: str
    kind: AliasKind
    case_sensitive: bool = False
    """True: counts only as written or, beyond four letters, in capitals throughout."""
    ambiguous: bool = False
    """True: an ordinary word too; counts only beside other evidence for the same entity."""
    validity: Validity = ALWAYS


@dataclass(frozen=True, slots=True)
class EntityMention:
    """One entity in one document."""

    entity_id: str
    surface: str
    """What the text calls it (the model's target); the entity's name when only a hint names it."""
    first_offset: int
    """Characters into `title + "\\n" + body` (into the body without a title); past the end for a hint."""
    count: int
    in_title: bool
    relevance: int
    """0 (in passing) to 100 (the document is about it)."""
    method: MatchMethod
