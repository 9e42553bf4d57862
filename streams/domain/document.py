"""A document on its way: as it came from Kafka, as validated, as enriched, as scored."""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from streams.domain.entity import EntityMention

NAMESPACE_BYTES = 16


class SourceClass(StrEnum):
    """The kind of a source; lateness and watermarks are kept per class."""

    NEWS = "news"
    SOCIAL = "social"


@dataclass(frozen=True, slots=True, order=True)
class SourcePartition:
    """One partition of one input topic."""

    topic: str
    partition: int


@dataclass(frozen=True, slots=True)
class RawRecord:
    """One Kafka record, undecoded. ``timestamp`` is Kafka's, the only `ingest_time` there is."""

    source: SourcePartition
    offset: int
    timestamp: datetime
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()


@dataclass(frozen=True, slots=True, order=True)
class Version:
    """Which of several versions of a document is current: the largest, never the last to arrive."""

    revision: int
    source_time: datetime
    content_hash: bytes


def document_id_of(source: str, source_id: str) -> uuid.UUID:
    """The id of a document by the name of its source and its id there."""
    name = f"{source}\x1f{source_id}".encode()
    return uuid.UUID(bytes=hashlib.blake2b(name, digest_size=NAMESPACE_BYTES, person=b"document").digest())


@dataclass(frozen=True, slots=True)
class Document:
    """A valid `document.v1`, times aware and in UTC, text normalised."""

    source: str
    source_id: str
    source_class: SourceClass
    event_time: datetime
    source_time: datetime
    revision: int = 0
    deleted: bool = False
    embargoed: bool = False
    title: str = ""
    content: str = ""
    language: str = ""
    url: str = ""
    author: str = ""
    publisher: str = ""
    tickers: tuple[str, ...] = ()
    _id: uuid.UUID | None = field(default=None, init=False, compare=False, repr=False)
    _version: Version | None = field(default=None, init=False, compare=False, repr=False)
    """Both follow from the rest; kept, because a document on its way is asked for them about ten times."""

    @property
    def document_id(self) -> uuid.UUID:
        """Derived from source and source-side id alone: the same in every run and in every version."""
        known = self._id
        if known is None:
            known = document_id_of(self.source, self.source_id)
            object.__setattr__(self, "_id", known)
        return known

    @property
    def content_hash(self) -> bytes:
        """16 bytes over what is stored of the document; ticker hints are not content (a row per ticker is one document)."""
        parts = (
            self.source_class.value,
            self.title,
            self.content,
            self.event_time.isoformat(),
            str(self.deleted),
            self.language,
            self.url,
            self.author,
            self.publisher,
        )
        joined = "\x1f".join(parts).encode()
        return hashlib.blake2b(joined, digest_size=NAMESPACE_BYTES, person=b"content").digest()

    @property
    def version(self) -> Version:
        known = self._version
        if known is None:
            known = Version(self.revision, self.source_time, self.content_hash)
            object.__setattr__(self, "_version", known)
        return known


@dataclass(frozen=True, slots=True)
class Enriched:
    """A document with everything that is known before the models have read it."""

    document: Document
    record: RawRecord
    known_watermark: datetime | None
    known_at: datetime
    """When it could be known: the largest Kafka timestamp of its partition up to and including its record."""
    text: str
    text_hash: bytes
    language: str
    signature: bytes
    mentions: tuple[EntityMention, ...]


@dataclass(frozen=True, slots=True)
class Probabilities:
    """Class probabilities in ten-thousandths, in label order: integers, so that sums are exact in any order."""

    values: tuple[int, ...]
    version: str = field(default="", compare=False)
    """The model version that gave this answer, where the model server said so; what is stored knows its own."""

    @property
    def top(self) -> int:
        """Index of the largest; the first one wins a tie."""
        return max(range(len(self.values)), key=lambda index: (self.values[index], -index))


@dataclass(frozen=True, slots=True)
class ScoredMention:
    """One entity of one document (or MARKET, the mention without a company) with its sentiment."""

    entity_id: str
    target: str
    relevance: int
    in_title: bool
    method: str
    sentiment: Probabilities


@dataclass(frozen=True, slots=True)
class Scored:
    """A document ready to be stored: its topic and one sentiment for each mention, MARKET first."""

    enriched: Enriched
    topic: str
    topic_confidence: int
    mentions: tuple[ScoredMention, ...]
    sentiment_version: str
    topic_version: str


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A record that could not become a document, with its reason and coordinates."""

    record: RawRecord
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a partition is stored: the next offset to read and the largest event time seen so far."""

    next_offset: int
    watermark: datetime | None
    known_at: datetime | None = None
    """The largest Kafka timestamp of the records that moved it, or could have."""
    rejected: int = 0
    """Records that were rejected as they were read."""
