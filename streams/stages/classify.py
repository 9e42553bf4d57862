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
from streams.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from streams.domain.document import Enriched
    from streams.domain.score import ModelInfo
    from streams.ports import Classifier, ScoreStore

MemoryKey = tuple[str, str, ScoreKey]
VERSION_CHANGES = 5
"""How often a slice is scored anew because the model server changed its version meanwhile; a rollout is one change."""


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
        self._infos = dict(infos)
        self._recent = RecentScores(capacity)
        self.note: Callable[[str, str, int], object] = lambda _model, _origin, _count: None
        """Called with how many answers came from where: memory, store or model."""

    async def classify(self, documents: Sequence[Enriched]) -> Classified:
        """Score a slice, each model by one version; the order of the documents is kept.

        When the server has rolled out another version, the slice is scored by that one; what is stored stays.

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
            result = assemble(item, topics, sentiments)
            if result is None:
                refused.append(item)
            else:
                scored.append(result)
        return Classified(tuple(scored), tuple(refused), (*topics.new, *sentiments.new))

    async def _answers(self, model: str, questions: dict[ScoreKey, Question]) -> _Answers:
        for _ in range(VERSION_CHANGES):
            info = self._infos[model]
            answers = await self._answers_of(info, questions)
            if answers is not None:
                return answers
            served = await self.classifier.info(model)
            await self._store.note_models([served])
            self._infos[model] = served
        raise Unavailable(f"the server of model {model} changes its version again and again")

    async def _answers_of(self, info: ModelInfo, questions: dict[ScoreKey, Question]) -> _Answers | None:
        """All answers by this version; None when the server answers with another one by now."""
        answers = _Answers(info)
        missing = []
        for key in questions:
            recent = self._recent.get((info.model, info.version, key))
            if recent is None:
                missing.append(key)
            else:
                answers.found[key] = recent
        if missing:
            answers.found.update(await self._store.lookup(info.model, info.version, missing))
            asked = [(key, questions[key]) for key in missing if key not in answers.found]
            if not await self._ask(answers, asked):
                return None
            self.note(info.model, "store", len(missing) - len(asked))
            self.note(info.model, "model", len(asked))
            for key in missing:
                if key in answers.found:
                    self._recent.put((info.model, info.version, key), answers.found[key])
        self.note(info.model, "memory", len(questions) - len(missing))
        return answers

    async def _ask(self, answers: _Answers, questions: list[tuple[ScoreKey, Question]]) -> bool:
        """Add what the model says; False when another version than expected said it."""
        if not questions:
            return True
        model, version = answers.info.model, answers.info.version
        results = await self.classifier.classify(model, [question for _, question in questions])
        for (key, _), result in zip(questions, results, strict=True):
            if result is None:
                continue
            if result.version not in {"", version}:
                return False
            answers.found[key] = result
            answers.new.append(NewScore(key, model, version, result))
        return True


@dataclass(slots=True)
class _Answers:
    info: ModelInfo
    found: dict[ScoreKey, Probabilities] = field(default_factory=dict)
    new: list[NewScore] = field(default_factory=list)


def assemble(item: Enriched, topics: _Answers, sentiments: _Answers) -> Scored | None:
    """The scored document; None if a model refused it."""
    versions = sentiments.info.version, topics.info.version
    if item.document.deleted:
        return Scored(item, "", 0, (), *versions)
    topic = topics.found.get(ScoreKey(item.text_hash, ""))
    mentions = scored_mentions(item, sentiments.found)
    if topic is None or mentions is None:
        return None
    label = topics.info.labels[topic.top]
    return Scored(item, label, topic.values[topic.top], mentions, *versions)


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
