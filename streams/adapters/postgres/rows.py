"""Scored documents as rows: the one place that knows the column order of documents and mentions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from streams.domain.document import SourceClass
from streams.domain.entity import MARKET
from streams.domain.pseudonym import ANY_SOURCE, KeyRing, repost_origin
from streams.domain.score import SCALE
from streams.domain.window import known_pane

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from streams.domain.document import Document, Scored, ScoredMention

SENTIMENT_NAMES = ("negative", "neutral", "positive")
SOURCE_KEY_HEX = 16

DOCUMENT_COLUMNS = (
    "run_id", "event_time", "document_id", "source", "source_id", "source_class", "revision", "source_time",
    "content_hash", "deleted", "title", "content", "text_hash", "language", "url", "publisher", "source_key", "author_key",
    "author_key_version", "topic", "topic_confidence", "companies", "signature", "known_wm", "known_pane", "known_at",
    "ingest_time", "kafka_topic", "kafka_partition", "kafka_offset", "sentiment_version", "topic_version",
)  # fmt: skip
MENTION_COLUMNS = (
    "run_id", "event_time", "document_id", "entity_id", "source_class", "topic", "target", "relevance", "in_title", "method",
    "source_key", "companies", "p_neg", "p_neu", "p_pos", "sentiment_class", "confidence", "known_wm", "known_pane",
    "known_at", "model_version",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class RowMaker:
    """Turns documents into rows; handles leave it as pseudonyms only."""

    run_id: int
    keys: KeyRing
    lateness: dict[SourceClass, timedelta]

    def author_key(self, document: Document) -> bytes | None:
        """The pseudonym of the handle within its source; None without an author."""
        if not document.author:
            return None
        return self.keys.at(document.event_time).pseudonym(document.source, document.author)

    def source_key(self, item: Scored) -> str:
        """What counts as one independent source: a publisher (news), an author (social), else a repost's origin.

        Where none is known it is the text itself, so that copies by unknown hands are one source.
        """
        document = item.enriched.document
        if document.source_class is SourceClass.NEWS:
            return f"publisher:{document.publisher or document.source}"
        author = self.author_key(document)
        if author is not None:
            return f"author:{author.hex()[:SOURCE_KEY_HEX]}"
        origin = repost_origin(item.enriched.text)
        if origin:
            pseudonym = self.keys.at(document.event_time).pseudonym(ANY_SOURCE, origin)
            return f"repost:{pseudonym.hex()[:SOURCE_KEY_HEX]}"
        return f"text:{item.enriched.text_hash.hex()[:SOURCE_KEY_HEX]}"

    def known_pane(self, item: Scored) -> datetime:
        """The first pane end whose detection may read this document."""
        enriched = item.enriched
        lateness = self.lateness[enriched.document.source_class]
        return known_pane(enriched.document.event_time, enriched.known_watermark, lateness)

    def rows(self, item: Scored) -> tuple[tuple[Any, ...], list[tuple[Any, ...]]]:
        """The document's row and those of its mentions; what they share is worked out once."""
        shared = self._shared(item)
        return self._document(item, shared), [self._mention(item, one, shared) for one in item.mentions]

    def document(self, item: Scored) -> tuple[Any, ...]:
        """One row in the order of `DOCUMENT_COLUMNS`."""
        return self._document(item, self._shared(item))

    def mention(self, item: Scored, mention: ScoredMention) -> tuple[Any, ...]:
        """One row in the order of `MENTION_COLUMNS`."""
        return self._mention(item, mention, self._shared(item))

    def _shared(self, item: Scored) -> Shared:
        return Shared(self.source_key(item), companies(item), self.known_pane(item))

    def _document(self, item: Scored, shared: Shared) -> tuple[Any, ...]:
        enriched, document, record = item.enriched, item.enriched.document, item.enriched.record
        author = self.author_key(document)
        return (
            self.run_id, document.event_time, document.document_id, document.source, document.source_id,
            document.source_class.value, document.revision, document.source_time, document.version.content_hash,
            document.deleted, document.title, document.content, enriched.text_hash, enriched.language, document.url,
            document.publisher, shared.source_key, author,
            self.keys.at(document.event_time).version if author else None, item.topic, decimal(item.topic_confidence),
            shared.companies, enriched.signature, enriched.known_watermark, shared.known_pane, enriched.known_at,
            record.timestamp, record.source.topic, record.source.partition, record.offset, item.sentiment_version,
            item.topic_version,
        )  # fmt: skip

    def _mention(self, item: Scored, mention: ScoredMention, shared: Shared) -> tuple[Any, ...]:
        document = item.enriched.document
        values = mention.sentiment.values
        top = mention.sentiment.top
        return (
            self.run_id, document.event_time, document.document_id, mention.entity_id, document.source_class.value,
            item.topic, mention.target, mention.relevance, mention.in_title, mention.method, shared.source_key,
            shared.companies, decimal(values[0]), decimal(values[1]), decimal(values[2]), SENTIMENT_NAMES[top],
            decimal(values[top]), item.enriched.known_watermark, shared.known_pane, item.enriched.known_at,
            item.sentiment_version,
        )  # fmt: skip


class Shared(NamedTuple):
    """What a document's row and those of its mentions have in common."""

    source_key: str
    companies: int
    known_pane: datetime


def companies(item: Scored) -> int:
    """How many companies the document mentions."""
    return sum(mention.entity_id != MARKET for mention in item.mentions)


_DECIMALS = tuple(f"{value / SCALE:.4f}" for value in range(SCALE + 1))


def decimal(ten_thousandths: int) -> str:
    """A probability as exact decimal text for a numeric(5,4) column."""
    return _DECIMALS[ten_thousandths]
