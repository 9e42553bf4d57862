"""Token attributions of a served model, without gradients: by leaving words out.

Occlusion (Zeiler & Fergus 2014; for text Li et al. 2016): a word's attribution is how much the probability of the
decided class falls when the word is left out, averaged over leaving it out alone and together with a neighbour, so that
"not good" is not two riddles. Chosen over integrated gradients because it asks the int8 model that really answers, through the
server, in one request or two; and over KernelSHAP because at headline length its samples cost ten times as much for nearly the
same order. It is deterministic: the scores it compares do not depend on the batch.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from streams.models.evaluation import Model

MAX_PIECES: Final = 64
"""Longer texts are explained in coarser pieces, so that a page still costs two or three requests."""
_PIECES: Final = re.compile(r"[\u3400-\u9fff]|[^\W_]+(?:['.&\-][^\W_]+)*|\S", re.UNICODE)
_HAN: Final = re.compile(r"[\u3400-\u9fff]")
HAN_RUN: Final = 2
"""Chinese is cut into runs of two characters, the length of most words."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of the text and what it adds to the probability of the decided class."""

    start: int
    end: int
    text: str
    weight: float


@dataclass(frozen=True, slots=True)
class Explanation:
    """One answer and the pieces that carry it, in text order."""

    text: str
    target: str
    label: str
    probability: float
    model_version: str
    pieces: tuple[Piece, ...]

    def as_dict(self) -> dict[str, Any]:
        """For JSON; weights to four digits, `top` the strongest supporting pieces first."""
        return {
            "text": self.text,
            "target": self.target,
            "label": self.label,
            "probability": round(self.probability, 4),
            "model_version": self.model_version,
            "method": "occlusion",
            "tokens": [
                {"start": p.start, "end": p.end, "text": p.text, "weight": round(p.weight, 4)}
                for p in self.pieces
            ],
            "top": [p.text for p in ranked(self.pieces)[:5] if p.weight > 0],
        }


def explain(model: Model, text: str, target: str = "") -> Explanation:
    """Attributions of the class that the model decides for; `text` is normalised already."""
    spans = pieces_of(text)
    alone = [without(text, [span]) for span in spans]
    paired = [without(text, list(pair)) for pair in pairwise(spans)]
    scores = model.score([(variant, target) for variant in (text, *alone, *paired)])
    decided = int(scores[0].argmax())
    full = float(scores[0][decided])
    drops = full - scores[1:, decided]
    weights = _weights(drops[: len(spans)], drops[len(spans) :])
    pieces = tuple(
        Piece(start, end, text[start:end], float(weight))
        for (start, end), weight in zip(spans, weights, strict=True)
    )
    return Explanation(text, target, model.labels[decided], full, model.version, pieces)


def ranked(pieces: Sequence[Piece]) -> list[Piece]:
    """The strongest first; equal ones in text order."""
    return sorted(pieces, key=lambda piece: (-piece.weight, piece.start))


def pieces_of(text: str) -> list[tuple[int, int]]:
    """Spans that are left out as one: words, runs of two Chinese characters; never more than `MAX_PIECES`."""
    spans: list[tuple[int, int]] = []
    for found in _PIECES.finditer(text):
        start, end = found.span()
        joins = bool(spans) and spans[-1][1] == start and _is_han(text, start) and _is_han(text, spans[-1][0])
        if joins and end - spans[-1][0] <= HAN_RUN:
            spans[-1] = (spans[-1][0], end)
        else:
            spans.append((start, end))
    step = -(-len(spans) // MAX_PIECES) if spans else 1
    return [
        (group[0][0], group[-1][1]) for group in (spans[i : i + step] for i in range(0, len(spans), step))
    ]


def without(text: str, spans: Sequence[tuple[int, int]]) -> str:
    """The text with these stretches cut out; never empty, since an empty text has no reading."""
    kept, place = [], 0
    for start, end in sorted(spans):
        kept.append(text[place:start])
        place = end
    return " ".join("".join((*kept, text[place:])).split()) or "…"


def _is_han(text: str, place: int) -> bool:
    return bool(_HAN.match(text[place]))


def _weights(alone: NDArray[np.float64], paired: NDArray[np.float64]) -> NDArray[np.float64]:
    """A word's own drop, averaged with its half of what the pairs it is in lose."""
    total, count = alone.copy(), np.ones(len(alone))
    for place, drop in enumerate(paired):
        for member in (place, place + 1):
            total[member] += drop / 2
            count[member] += 1
    return np.asarray(total / count)
