"""A classifier without a model: answers depend on the words alone, and on nothing else."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from streams.domain.document import Probabilities
from streams.domain.label import SENTIMENT_LABELS, TOPIC_SLUGS
from streams.domain.score import SCALE, SENTIMENT, TOPIC, ModelInfo

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streams.domain.score import Question

LABELS = {SENTIMENT: SENTIMENT_LABELS, TOPIC: TOPIC_SLUGS}


@dataclass(slots=True)
class MemoryClassifier:
    """Refuses the texts in ``refused``; ``asked`` lists what it was asked, in order."""

    version: str = "memory-1"
    refused: frozenset[str] = frozenset()
    asked: list[tuple[str, Question]] = field(default_factory=list)

    async def info(self, model: str) -> ModelInfo:
        return ModelInfo(model, f"{model}-{self.version}", tuple(LABELS[model]))

    async def probe(self) -> None:
        """It has no process that could die."""

    async def classify(self, model: str, questions: Sequence[Question]) -> list[Probabilities | None]:
        self.asked += [(model, question) for question in questions]
        return [
            None if question.text in self.refused else self._answer(model, question) for question in questions
        ]

    def _answer(self, model: str, question: Question) -> Probabilities:
        return replace(answer(model, question, len(LABELS[model])), version=f"{model}-{self.version}")


def answer(model: str, question: Question, labels: int) -> Probabilities:
    """Ten-thousandths that sum to 1, most of them on one label that the text's hash chooses."""
    words = f"{model}\x1f{question.text}\x1f{question.target}".encode()
    draw = int.from_bytes(hashlib.blake2b(words, digest_size=8).digest())
    rest = 1_000 // labels
    values = [rest] * labels
    values[draw % labels] += SCALE - rest * labels
    return Probabilities(tuple(values))
