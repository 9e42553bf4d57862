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
_COMPANY: Final = "{co}"
SEED: Final = 20_260_630
FILLINGS: Final = {"sentiment": 8, "topic": 6}
NEUTRAL_NEWS: Final = ("zh", "neutral")  # the class that no file has: filled twice as often


@dataclass(frozen=True, slots=True)
class Sentence:
    """A filled template; `target` is the company in it, if any; `template` identifies where it came from."""

    text: str
    target: str
    label: str
    language: str
    template: str


def sentences(task: str) -> Iterator[Sentence]:
    """Each template of the task filled several times (fewer where the slots give fewer distinct texts)."""
    generator = random.Random(SEED)  # noqa: S311 - reproducible text, no secret
    for (language, label), templates in (SENTIMENT if task == "sentiment" else TOPIC).items():
        fillings = FILLINGS[task] * (2 if (language, label) == NEUTRAL_NEWS else 1)
        for number, template in enumerate(templates):
            key = f"own:{task}:{language}:{label}:{number}"
            filled = {_filled(template, language, generator) for _ in range(fillings)}
            for text, target in sorted(filled):
                yield Sentence(text, target, label, language, key)


def _filled(template: str, language: str, generator: random.Random) -> tuple[str, str]:
    """(text, company); a template names one company at most, the same wherever it occurs."""
    company = _slots_filled(_COMPANY, language, generator) if _COMPANY in template else ""
    return _slots_filled(template.replace(_COMPANY, company), language, generator), company


def _slots_filled(text: str, language: str, generator: random.Random) -> str:
    while _SLOT.search(text):  # a filling may hold slots itself
        text = _SLOT.sub(lambda match: generator.choice(SLOTS[language][match[1]]), text, count=1)
    return text
