"""Builders of what goes through the pipeline: every field has a default, name only what the test is about."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from streams.adapters.memory.classifier import LABELS, MemoryClassifier
from streams.adapters.memory.documents import MemoryDocumentStore
from streams.adapters.memory.texts import MemoryLanguages, MemoryMatcher, MemorySigner
from streams.domain.batch import Batch, Move, NewScore
from streams.domain.document import (
    DeadLetter,
    Document,
    Enriched,
    Probabilities,
    RawRecord,
    Scored,
    ScoredMention,
    SourceClass,
    SourcePartition,
)
from streams.domain.entity import MARKET
from streams.domain.score import SENTIMENT, TOPIC, ModelInfo, ScoreKey
from streams.domain.text import text_hash
from streams.pipeline import Pipeline
from streams.stages.classify import ScoringStage
from streams.stages.enrich import Enricher
from streams.wire.limits import InputLimits

if TYPE_CHECKING:
    from streams.ports import Classifier, ScoreStore

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
NEWS = SourcePartition("news.raw.v1", 0)
LATENESS = {SourceClass.NEWS: timedelta(minutes=10), SourceClass.SOCIAL: timedelta(minutes=2)}
LIKELY = Probabilities((9000, 700, 300))


def minutes(count: float) -> timedelta:
    return timedelta(minutes=count)


def raw_record(
    offset: int = 0,
    value: bytes | None = b"{}",
    *,
    source: SourcePartition = NEWS,
    timestamp: datetime = NOON,
    key: bytes | None = b"key",
) -> RawRecord:
    return RawRecord(source, offset, timestamp, key, value)


def payload(number: int = 0, **changes: Any) -> bytes:
    """A `document.v1`; minute ``number`` past noon."""
    fields = {
        "version": "document.v1",
        "id": f"doc-{number}",
        "source": "wire",
        "event_time": (NOON + minutes(number)).isoformat(),
        "title": f"Acme reports {number}",
        "content": f"Acme says number {number}.",
    }
    return json.dumps(fields | changes).encode()


def news(offset: int, *, source: SourcePartition = NEWS, **changes: Any) -> RawRecord:
    """A valid record at this offset; its document is named after partition and offset."""
    name = {"id": f"{source.topic}-{source.partition}-{offset}"}
    return raw_record(
        offset, payload(offset, **name | changes), source=source, timestamp=NOON + minutes(offset + 1)
    )


def document(**changes: Any) -> Document:
    fields = {
        "source": "wire",
        "source_id": "doc-0",
        "source_class": SourceClass.NEWS,
        "event_time": NOON,
        "source_time": NOON,
        "title": "Acme warns",
        "content": "Acme sees less.",
    }
    return Document(**fields | changes)


def enriched(
    item: Document | None = None,
    *,
    record: RawRecord | None = None,
    known: datetime | None = None,
    mentions: tuple[Any, ...] = (),
) -> Enriched:
    item = item or document()
    text = f"{item.title}\n{item.content}"
    return Enriched(
        document=item,
        record=record or raw_record(),
        known_watermark=known,
        known_at=(record or raw_record()).timestamp,
        text=text,
        text_hash=text_hash(text),
        language="en",
        signature=b"s" * 256,
        mentions=mentions,
    )


def mention(entity: str = MARKET, sentiment: Probabilities = LIKELY) -> ScoredMention:
    return ScoredMention(entity, "", 100, in_title=False, method="name", sentiment=sentiment)


def scored(
    item: Document | None = None,
    *,
    record: RawRecord | None = None,
    known: datetime | None = None,
    entities: tuple[str, ...] = (),
) -> Scored:
    """A document with its MARKET mention and one for each entity; withdrawn ones have none."""
    item = item or document()
    mentions = () if item.deleted else tuple(mention(entity) for entity in (MARKET, *entities))
    topic = "" if item.deleted else "earnings"
    return Scored(enriched(item, record=record, known=known), topic, 8000, mentions, "sentiment-1", "topic-1")


def dead_letter(offset: int = 0, value: bytes | None = b"<rss>", reason: str = "not_json") -> DeadLetter:
    return DeadLetter(raw_record(offset, value), reason, "the parser refused it")


def new_score(text: str = "Acme warns", target: str = "", value: Probabilities = LIKELY) -> NewScore:
    return NewScore(ScoreKey(text_hash(text), target), SENTIMENT, "sentiment-1", value)


def move(
    first: int = 0,
    next_offset: int = 1,
    *,
    source: SourcePartition = NEWS,
    source_class: SourceClass = SourceClass.NEWS,
    watermark: datetime | None = NOON,
) -> Move:
    return Move(source, source_class, first, next_offset, watermark)


def batch(first: int, *documents: Scored, source: SourcePartition = NEWS, **parts: Any) -> Batch:
    """A batch of one partition: a record a document, or at least one."""
    until = first + max(1, len(documents))
    return Batch((move(first, until, source=source),), documents, **parts)


def memory_store() -> MemoryDocumentStore:
    return MemoryDocumentStore(LATENESS)


def pipeline(classifier: Classifier | None = None, scores: ScoreStore | None = None) -> Pipeline:
    """The real pipeline on in-memory tools; texts that say Acme are about it."""
    classifier = classifier or MemoryClassifier()
    scores = scores or MemoryDocumentStore(LATENESS).scores
    return Pipeline(
        limits=InputLimits(),
        enricher=Enricher(MemoryMatcher({"Acme": "x.acme"}), MemorySigner(), MemoryLanguages()),
        scoring=ScoringStage(classifier, scores, infos(), 1_000),
    )


def infos() -> dict[str, ModelInfo]:
    return {
        model: ModelInfo(model, f"{model}-memory-1", tuple(LABELS[model])) for model in (SENTIMENT, TOPIC)
    }
