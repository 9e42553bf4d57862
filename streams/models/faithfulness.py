"""Whether attributions tell the truth: leaving out what they call important must cost more than leaving out anything else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from streams.models.explaining import explain, ranked, without

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streams.models.evaluation import Model

SHARE: Final = 0.2
"""How much of a text is left out: a fifth of its pieces, at least one."""
RANDOM_DRAWS: Final = 5
LEAST_PIECES: Final = 4
DRAWS: Final = 1_000


def check(model: Model, texts: Sequence[tuple[str, str]], seed: int = 11) -> dict[str, Any]:
    """The mean fall of the decided class's probability, top pieces against random ones of the same number.

    `won` is the share of texts where the top pieces cost more than the random ones on average; the interval is a
    bootstrap of the mean difference. Texts of fewer than four pieces are left out.
    """
    generator = np.random.default_rng(seed)
    top, random = [], []
    for text, target in texts:
        explanation = explain(model, text, target)
        count = len(explanation.pieces)
        if count < LEAST_PIECES:
            continue
        size = max(1, round(SHARE * count))
        strongest = [(piece.start, piece.end) for piece in ranked(explanation.pieces)[:size]]
        spans = [(piece.start, piece.end) for piece in explanation.pieces]
        draws = [generator.choice(count, size, replace=False) for _ in range(RANDOM_DRAWS)]
        variants = [without(text, strongest), *(without(text, [spans[i] for i in draw]) for draw in draws)]
        decided = model.labels.index(explanation.label)
        scores = model.score([(variant, target) for variant in variants])[:, decided]
        top.append(explanation.probability - float(scores[0]))
        random.append(explanation.probability - float(scores[1:].mean()))
    return _summary(model.version, np.array(top), np.array(random), generator)


def _summary(version: str, top: Any, random: Any, generator: np.random.Generator) -> dict[str, Any]:
    if not len(top):
        return {"n": 0, "model_version": version}
    difference = top - random
    means = [difference[generator.integers(0, len(difference), len(difference))].mean() for _ in range(DRAWS)]
    return {
        "n": len(top),
        "share_left_out": SHARE,
        "fall_top": round(float(top.mean()), 4),
        "fall_random": round(float(random.mean()), 4),
        "difference_interval": [round(float(value), 4) for value in np.percentile(means, (2.5, 97.5))],
        "won": round(float((difference > 0).mean()), 4),
        "model_version": version,
    }
