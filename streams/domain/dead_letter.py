"""A buried record as it is looked after: what it was, what became of it, what was done about it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from datetime import datetime

STATUSES: Final = ("open", "replayed", "resolved", "dropped")


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where a record is in Kafka; written `topic-partition-offset`, as dead letters are keyed on Kafka too."""

    topic: str
    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.topic}-{self.partition}-{self.offset}"

    @classmethod
    def parse(cls, text: str) -> Place | None:
        """The place of its text; None where it is none."""
        topic, partition, offset = ["", "", "", *text.rsplit("-", 2)][-3:]
        digits = partition.isascii() and partition.isdecimal() and offset.isascii() and offset.isdecimal()
        return cls(topic, int(partition), int(offset)) if topic and digits else None


@dataclass(frozen=True, slots=True)
class Letter:
    """A row of the dead-letter table. ``payload`` is the whole record only where it has ``payload_bytes``."""

    place: Place
    reason: str
    detail: str
    key: bytes | None = field(repr=False)
    payload: bytes = field(repr=False)
    payload_bytes: int
    sha256: bytes
    headers: bytes | None = field(repr=False)
    ingest_time: datetime
    status: str
    first: Place | None
    copy: Place | None

    @property
    def is_whole(self) -> bool:
        """Whether the table has all of it, headers included."""
        return len(self.payload) == self.payload_bytes and self.headers != b""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which letters of a run are meant; nothing given means all of them."""

    run: str = "live"
    reasons: tuple[str, ...] = ()
    topics: tuple[str, ...] = ()
    statuses: tuple[str, ...] = ()
    since: datetime | None = None
    until: datetime | None = None
    naming: str = ""
    """A source's name, as it stands in the record or its headers."""
    places: tuple[Place, ...] = ()
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """Something done about a letter; see `core.dead_letter_event`."""

    letter: Place
    kind: str
    made_by: str
    note: str = ""
    replay_id: str | None = None
    copy_partition: int | None = None
    copy_offset: int | None = None
    first: Place | None = None
    recorded_at: datetime | None = None

    def as_dict(self) -> dict[str, Any]:
        """For people and JSON."""
        told = {"at": self.recorded_at, "kind": self.kind, "by": self.made_by, "note": self.note}
        if self.kind == "replayed" and self.copy_partition is not None and self.copy_offset is not None:
            told["copy"] = str(Place(self.letter.topic, self.copy_partition, self.copy_offset))
        return told
