"""Sentences of our own making, for readings that no labelled file teaches.

No Chinese file has neutral news or bad news without a company, and the English ones have little of the
latter, so a model trained on the files alone reads "factory output shrinks for a third month" half-heartedly.
Templates with slots, filled by a seeded generator; a template's fillings share one key, so the development
split holds out whole templates.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from streams.models.templates import SENTIMENT, SLOTS, TOPIC

if TYPE_CHECKING:
    from collections.abc import Iterator

_SLOT: Final = re.compile(r"\{(\w+)\}")
SEED: Final = 20_260_630
FILLINGS: Final = {"sentiment": 7, "topic": 6}


@dataclass(frozen=True, slots=True)
class Sentence:
    """A filled template; `template` identifies where it came from."""

    text: str
    label: str
    language: str
    template: str


def sentences(task: str, fillings: int | None = None) -> Iterator[Sentence]:
    """Each template of the task filled `fillings` times (fewer where the slots give fewer distinct texts)."""
    generator = random.Random(SEED)  # noqa: S311 - reproducible text, no secret
    for (language, label), templates in (SENTIMENT if task == "sentiment" else TOPIC).items():
        for number, template in enumerate(templates):
            key = f"own:{task}:{language}:{label}:{number}"
            texts = {_filled(template, language, generator) for _ in range(fillings or FILLINGS[task])}
            for text in sorted(texts):
                yield Sentence(text, label, language, key)


def _filled(template: str, language: str, generator: random.Random) -> str:
    text = template
    while _SLOT.search(text):  # a filling may hold slots itself
        text = _SLOT.sub(lambda match: generator.choice(SLOTS[language][match[1]]), text, count=1)
    return text
