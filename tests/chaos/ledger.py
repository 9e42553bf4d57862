"""What a producer has sent, in its own words. Everything that is expected of the tables follows from here."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

NEWS, SOCIAL = "news.raw.v1", "social.raw.v1"
SOURCE_CLASS = {NEWS: "news", SOCIAL: "social"}


@dataclass(frozen=True, slots=True)
class Article:
    """One version of a document, as its producer means it.

    ``companies`` are the entities named in it, each with the name that stands in the text; ``wording`` is shared by copies.
    """

    source: str
    source_id: str
    event_time: datetime
    source_time: datetime
    revision: int = 0
    deleted: bool = False
    title: str = ""
    content: str = ""
    language: str = ""
    author: str = ""
    publisher: str = ""
    companies: Mapping[str, str] = field(default_factory=dict)
    hints: tuple[tuple[str, str, str], ...] = ()
    """Tickers listed beside the text: (symbol, entity, name of the entity)."""
    wording: str = ""

    @property
    def key(self) -> tuple[str, str]:
        return self.source, self.source_id

    @property
    def version(self) -> tuple[int, datetime]:
        return self.revision, self.source_time

    @property
    def text(self) -> str:
        return f"{self.title}\n{self.content}"


@dataclass(frozen=True, slots=True)
class Entry:
    """One record: its bytes, where it went, and what it is.

    Exactly one of ``article``, ``reason`` (a dead letter), or neither (a heartbeat). ``moves_to`` is how far it moves
    its partition's event time.
    """

    topic: str
    partition: int
    offset: int
    timestamp: datetime
    value: bytes | None
    article: Article | None = None
    reason: str = ""
    moves_to: datetime | None = None


@dataclass(frozen=True, slots=True)
class Ledger:
    """A stream in the order of publication."""

    seed: int
    partitions: int
    entries: tuple[Entry, ...]
    alarmed: frozenset[str]
    """Entities that a burst of negative stories was told about: each must raise an alert."""

    def ends(self) -> dict[tuple[str, int], int]:
        """The end offset of every partition."""
        found = {(topic, number): 0 for topic in (NEWS, SOCIAL) for number in range(self.partitions)}
        for entry in self.entries:
            found[entry.topic, entry.partition] = entry.offset + 1
        return found
