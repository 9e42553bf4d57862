"""Classify: one topic a document, one sentiment a mention; what was scored before is not paid for again."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from streams.domain.batch import NewScore
from streams.domain.document import Probabilities, Scored, ScoredMention
from streams.domain.entity import MARKET
from streams.domain.score import SENTIMENT, TOPIC, Question, ScoreKey

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from streams.domain.document import Enriched
    from streams.domain.score import ModelInfo
    from streams.ports import Classifier, ScoreStore

MemoryKey = tuple[str, ScoreKey]


@dataclass(slots=True)
class RecentScores:
    """The last ``capacity`` answers in memory, in front of the score store; an LRU."""

    capacity: int
    _entries: OrderedDict[MemoryKey, Probabilities] = field(default_factory=OrderedDict)

    def get(self, key: MemoryKey) -> Probabilities | None:
        found = self._entries.get(key)
        if found is not None:
            self._entries.move_to_end(key)
        return found

    def put(self, key: MemoryKey, value: Probabilities) -> None:
        self._entries[key] = value
        if len(self._entries) > self.capacity:
            self._entries.popitem(last=False)


@dataclass(frozen=True, slots=True)
class Classified:
    """The outcome for a slice: scored documents, the refused ones, and the answers to store."""

    documents: tuple[Scored, ...]
    refused: tuple[Enriched, ...]
    scores: tuple[NewScore, ...]


class ScoringStage:
    """Asks the cache, then the models, each distinct (text, target) once."""

    def __init__(
        self, classifier: Classifier, store: ScoreStore, infos: Mapping[str, ModelInfo], capacity: int
    ) -> None:
        self.classifier = classifier
        self._store = store
        self._infos = infos
        self._recent = RecentScores(capacity)

    async def classify(self, documents: Sequence[Enriched]) -> Classified:
        """Score a slice; the order of the documents is kept.

        Raises:
            Unavailable: the model server or the score store does not answer; nothing was stored.
        """
        live = [item for item in documents if not item.document.deleted]
        topics, sentiments = await asyncio.gather(
            self._answers(TOPIC, {ScoreKey(item.text_hash, ""): Question(item.text) for item in live}),
            self._answers(SENTIMENT, dict(pair for item in live for pair in sentiment_questions(item))),
        )
        scored: list[Scored] = []
        refused: list[Enriched] = []
        for item in documents:
            result = self._assemble(item, topics.found, sentiments.found)
            if result is None:
                refused.append(item)
            else:
                scored.append(result)
        return Classified(tuple(scored), tuple(refused), (*topics.new, *sentiments.new))

    async def _answers(self, model: str, questions: dict[ScoreKey, Question]) -> _Answers:
        answers = _Answers()
        missing = []
        for key in questions:
            recent = self._recent.get((model, key))
            if recent is None:
                missing.append(key)
            else:
                answers.found[key] = recent
        if missing:
            stored = await self._store.lookup(model, self._infos[model].version, missing)
            answers.found.update(stored)
            await self._ask(model, [(key, questions[key]) for key in missing if key not in stored], answers)
            for key in missing:
                if key in answers.found:
                    self._recent.put((model, key), answers.found[key])
        return answers

    async def _ask(self, model: str, questions: list[tuple[ScoreKey, Question]], answers: _Answers) -> None:
        if not questions:
            return
        version = self._infos[model].version
        results = await self.classifier.classify(model, [question for _, question in questions])
        for (key, _), result in zip(questions, results, strict=True):
            if result is not None:
                answers.found[key] = result
                answers.new.append(NewScore(key, model, version, result))

    def _assemble(
        self,
        item: Enriched,
        topics: Mapping[ScoreKey, Probabilities],
        sentiments: Mapping[ScoreKey, Probabilities],
    ) -> Scored | None:
        versions = self._infos[SENTIMENT].version, self._infos[TOPIC].version
        if item.document.deleted:
            return Scored(item, "", 0, (), *versions)
        topic = topics.get(ScoreKey(item.text_hash, ""))
        mentions = scored_mentions(item, sentiments)
        if topic is None or mentions is None:
            return None
        label = self._infos[TOPIC].labels[topic.top]
        return Scored(item, label, topic.values[topic.top], mentions, *versions)


@dataclass(slots=True)
class _Answers:
    found: dict[ScoreKey, Probabilities] = field(default_factory=dict)
    new: list[NewScore] = field(default_factory=list)


def sentiment_questions(item: Enriched) -> Iterable[tuple[ScoreKey, Question]]:
    """The whole text (MARKET), then each mention's name."""
    for target in ("", *(mention.surface for mention in item.mentions)):
        yield ScoreKey(item.text_hash, target), Question(item.text, target)


def scored_mentions(
    item: Enriched, sentiments: Mapping[ScoreKey, Probabilities]
) -> tuple[ScoredMention, ...] | None:
    """MARKET first, then the companies; None if the model refused any of them."""
    whole = sentiments.get(ScoreKey(item.text_hash, ""))
    if whole is None:
        return None
    result = [ScoredMention(MARKET, "", 100, in_title=False, method="document", sentiment=whole)]
    for mention in item.mentions:
        answer = sentiments.get(ScoreKey(item.text_hash, mention.surface))
        if answer is None:
            return None
        result.append(
            ScoredMention(
                mention.entity_id,
                mention.surface,
                mention.relevance,
                mention.in_title,
                mention.method,
                answer,
            )
        )
    return tuple(result)
