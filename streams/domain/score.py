"""Questions to a model and the key under which an answer is kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

SENTIMENT = "sentiment"
TOPIC = "topic"
SCALE = 10_000


class ScoreKey(NamedTuple):
    """What an answer depends on, beside the model: the text (by hash) and the target; empty = the whole text."""

    text_hash: bytes
    target: str


class Question(NamedTuple):
    """One inference: a text and, for sentiment, the entity name it is judged towards."""

    text: str
    target: str = ""


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """A model as its server describes it."""

    model: str
    version: str
    labels: tuple[str, ...]


def quantise(row: list[float]) -> tuple[int, ...]:
    """Probabilities (summing to 1) as ten-thousandths: what is stored, compared and summed."""
    return tuple(round(value * SCALE) for value in row)
