"""What a training run is made of: its figures, and what each of its epochs sees."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from streams.domain.label import SENTIMENT_LABELS, TOPIC_SLUGS
from streams.models import served

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streams.models.datasets import Example

LABELS: Final = {"sentiment": SENTIMENT_LABELS, "topic": TOPIC_SLUGS}
# The newest text in the files: news flashes of January 2022, posts up to 2023; stated conservatively.
TRAINING_CUTOFF: Final = "2023-12-31"
_POOL_OF_BATCHES: Final = 40


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything that determines a training run, the files' content aside."""

    task: str
    epochs: int = 2
    batch: int = 32
    learning_rate: float = 5e-5
    head_factor: float = 10.0
    warm_up: float = 0.06
    weight_decay: float = 0.01
    label_smoothing: float = 0.05
    freeze_embeddings: bool = True
    seed: int = 17
    max_tokens: int = served.MAX_TOKENS
    dev_share: float = 0.07
    exclude: tuple[str, ...] = field(default=())


def hide_targets(examples: Sequence[Example], seed: int, epoch: int) -> list[tuple[str, str]]:
    """(text, target) of each example, targets hidden with each example's own chance."""
    generator = random.Random(f"{seed}:{epoch}:targets")  # noqa: S311 - reproducible, no secret
    # one draw per example, used or not, so that an added file does not reshuffle the others
    return [(e.text, "" if generator.random() < e.target_dropout else e.target) for e in examples]


def batches_of_like_length(lengths: Sequence[int], size: int, generator: random.Random) -> list[list[int]]:
    """Indices in shuffled batches; pools of 40 batches are sorted by length, so little is padding."""
    order = list(range(len(lengths)))
    generator.shuffle(order)
    batches: list[list[int]] = []
    for start in range(0, len(order), size * _POOL_OF_BATCHES):
        pool = sorted(order[start : start + size * _POOL_OF_BATCHES], key=lambda i: lengths[i])
        batches.extend(pool[i : i + size] for i in range(0, len(pool), size))
    generator.shuffle(batches)
    return batches
