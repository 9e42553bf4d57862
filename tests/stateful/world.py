"""A producer's log and the workers that read it, on whatever store is handed in. What tests of many steps are made of.

The log is the naive ledger of `tests.chaos.ledger`: what must come of it says `tests.chaos.fold`.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from streams.adapters.memory.texts import MemoryLanguages, MemoryMatcher, MemorySigner
from streams.domain.document import Probabilities, RawRecord, SourceClass, SourcePartition
from streams.domain.label import SENTIMENT_LABELS, TOPIC_SLUGS
from streams.domain.score import SENTIMENT, TOPIC, ModelInfo
from streams.pipeline import Pipeline
from streams.runtime.breaker import Backoff, Breakers
from streams.runtime.delivery import Lane, Policies
from streams.settings import Settings, WorkerSettings
from streams.stages.classify import ScoringStage
from streams.stages.enrich import Enricher
from streams.wire.limits import InputLimits
from tests.chaos import rule
from tests.chaos.ledger import NEWS, SOCIAL, SOURCE_CLASS, Article, Entry, Ledger
from tests.chaos.poison import ExplosiveMatcher
from tests.chaos.stream import document

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from streams.domain.score import Question
    from streams.ports import DocumentStore, ScoreStore

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
PLACES = ((NEWS, 0), (NEWS, 1), (SOCIAL, 0))
NAMES = {"Nvidia": "us.nvda", "Tesla": "us.tsla"}
LABELS = {SENTIMENT: SENTIMENT_LABELS, TOPIC: TOPIC_SLUGS}
INFOS = {model: ModelInfo(model, f"{model}-toy-1", tuple(labels)) for model, labels in LABELS.items()}


class RuleClassifier:
    """The toy models without a server."""

    async def info(self, model: str) -> ModelInfo:
        return INFOS[model]

    async def probe(self) -> None:
        """Always there."""

    async def classify(self, model: str, questions: Sequence[Question]) -> list[Probabilities | None]:
        return [self._answer(model, question) for question in questions]

    def _answer(self, model: str, question: Question) -> Probabilities | None:
        if rule.is_refused(question.text):
            return None
        if model == TOPIC:
            return Probabilities(tuple(rule.topic(question.text, len(TOPIC_SLUGS))))
        return Probabilities(tuple(rule.sentiment(question.text, question.target)))


def make_pipeline(scores: ScoreStore) -> Pipeline:
    matcher = ExplosiveMatcher(MemoryMatcher(NAMES))
    enricher = Enricher(matcher, MemorySigner(), MemoryLanguages())  # type: ignore[arg-type]
    return Pipeline(InputLimits(), enricher, ScoringStage(RuleClassifier(), scores, INFOS, 100))  # type: ignore[arg-type]


@dataclass
class Log:
    """Everything published so far; the clock of publication goes on with each record."""

    entries: list[Entry] = field(default_factory=list)
    now: datetime = NOON
    articles: dict[str, list[Article]] = field(default_factory=dict)

    def publish(self, place: tuple[str, int], **what: Any) -> Entry:
        offset = sum((entry.topic, entry.partition) == place for entry in self.entries)
        self.now += timedelta(seconds=20)
        self.entries.append(Entry(*place, offset, self.now, **what))
        return self.entries[-1]

    def tell(self, article: Article, place: tuple[str, int]) -> None:
        """Publish a version of a document."""
        fields = document(article)
        value = json.dumps(fields).encode()
        reason = rule.buried_for(article.text)
        kept = None if reason else article
        self.publish(place, value=value, article=kept, reason=reason, moves_to=article.event_time)
        if kept:
            self.articles.setdefault(article.source_id, []).append(article)

    def again(self, entry: Entry, partition: int) -> None:
        """The same bytes once more, perhaps elsewhere in the topic."""
        self.publish(
            (entry.topic, partition if (entry.topic, partition) in PLACES else entry.partition),
            value=entry.value, article=entry.article, reason=entry.reason, moves_to=entry.moves_to,
        )  # fmt: skip

    def ledger(self) -> Ledger:
        return Ledger(0, 2, tuple(self.entries), frozenset())

    def ends(self) -> dict[tuple[str, int], int]:
        return {place: end for place, end in self.ledger().ends().items() if place in PLACES}

    def records(self, place: tuple[str, int], start: int) -> list[RawRecord]:
        source = SourcePartition(*place)
        return [
            RawRecord(source, entry.offset, entry.timestamp, b"-", entry.value)
            for entry in self.entries
            if (entry.topic, entry.partition) == place and entry.offset >= start
        ]


def new_article(log: Log, number: int, behind: float, name: str, tone: str) -> Article:
    """A document whose event lies some minutes before its publication."""
    at = log.now - timedelta(minutes=behind)
    return Article(
        source="wire", source_id=f"doc-{number}", event_time=at, source_time=at, title=f"{name} {tone}".strip(),
        content=f"told {number}", author=f"@hand{number % 3}", publisher=f"paper {number % 3}", language="en",
        companies={NAMES[name]: name} if name else {}, wording=f"doc-{number}",
    )  # fmt: skip


def corrected(article: Article, log: Log, moved: float, tone: str) -> Article:
    """The next revision; its event may move by some minutes."""
    at = article.event_time + timedelta(minutes=moved)
    name = next(iter(article.companies.values()), "")
    return replace(
        article, revision=article.revision + 1, source_time=log.now, event_time=min(at, log.now),
        title=f"{name} {tone} again".strip(), content=f"corrected {article.revision + 1}", deleted=False,
    )  # fmt: skip


def withdrawn(article: Article, log: Log) -> Article:
    return replace(
        article, revision=article.revision + 1, source_time=log.now, deleted=True, title="", content="",
        language="", companies={},
    )  # fmt: skip


class Worker:
    """One process: a lane a topic over the partitions that are assigned to it."""

    def __init__(self, store: DocumentStore, scores: ScoreStore, slice_records: int) -> None:
        settings = Settings(
            worker=WorkerSettings(
                slice_records=slice_records,
                slice_age=timedelta(seconds=60),
                slices_in_flight=2,
                bury_ratio=1.0,
            )
        )
        self.positions: dict[tuple[str, int], int] = {}
        self.acknowledged: dict[tuple[str, int], int] = {}
        self._lanes = {
            topic: Lane(
                SourceClass(source_class), make_pipeline(scores), store, settings,
                Policies(Breakers(Backoff(0.001, 0.01)), self._acknowledge),
            )
            for topic, source_class in SOURCE_CLASS.items()
        }  # fmt: skip

    def _acknowledge(self, source: SourcePartition, offset: int) -> None:
        self.acknowledged[source.topic, source.partition] = offset

    async def assign(self, places: Sequence[tuple[str, int]]) -> None:
        self.positions = {}
        for topic, lane in self._lanes.items():
            mine = [SourcePartition(*place) for place in places if place[0] == topic]
            for source, offset in (await lane.reset(mine)).items():
                self.positions[source.topic, source.partition] = offset

    async def read(self, log: Log, place: tuple[str, int], count: int) -> None:
        """Take in the next records of a partition, as far as there is room."""
        if place not in self.positions:
            return
        for record in log.records(place, self.positions[place])[:count]:
            self.positions[place] = record.offset + 1
            await asyncio.wait_for(self._lanes[place[0]].add(record), 20)

    async def finish(self) -> None:
        for lane in self._lanes.values():
            await asyncio.wait_for(lane.finish(), 20)
            if lane.failed.done():
                lane.failed.result()

    async def die(self) -> None:
        """Kill -9: nothing more of it happens. (A write that is under way may still go through or not.)"""
        for lane in self._lanes.values():
            await lane.stop()
        self.positions = {}
