"""Sentences of our own making, for readings that no labelled file teaches.

No Chinese file has neutral news or bad news without a company; the English ones are posts and headlines, so the
prose of company news ("profit rose to 13.1 mn from 8.7 mn", bare facts) is read half-heartedly. Templates with
slots (own_sentences/*.toml), filled by a seeded generator; a template's fillings share one key, so the development
split holds out whole templates.
"""

from __future__ import annotations

import random
import re
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_SLOT: Final = re.compile(r"\{(\w+)\}")
_COMPANY: Final = "co"
SEED: Final = 20_260_630
# (file, fillings of a template); twice as many for the class that no file has
FILES: Final = {
    "sentiment": (("sentiment", 8), ("company_news", 14)),
    "topic": (("topic", 6),),
}
NEUTRAL_NEWS: Final = ("sentiment", "zh", "neutral")


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
    for file, fillings in FILES[task]:
        for language, by_label in _table(file).items():
            for label, templates in by_label.items():
                often = fillings * (2 if (file, language, label) == NEUTRAL_NEWS else 1)
                for number, template in enumerate(templates):
                    key = f"own:{file}:{language}:{label}:{number}"
                    for text, target in sorted(
                        {_filled(template, language, generator) for _ in range(often)}
                    ):
                        yield Sentence(text, target, label, language, key)


def _filled(template: str, language: str, generator: random.Random) -> tuple[str, str]:
    """(text, company); a template names one company at most, the same wherever it occurs."""
    slots = _table("slots")
    once = _amounts(generator)
    text = template
    while matched := _SLOT.search(text):  # a filling may hold slots itself
        name = matched[1]
        value = once.get(name) or generator.choice(slots[language][name])
        if name in slots["once"]:
            value = once.setdefault(name, _inner(value, slots[language], generator))
        text = text[: matched.start()] + value + text[matched.end() :]
    first = text[:1].upper() + text[1:] if language == "en" and template.startswith("{") else text
    return first, once.get(_COMPANY, "")


def _inner(text: str, slots: dict[str, list[str]], generator: random.Random) -> str:
    while matched := _SLOT.search(text):
        text = text[: matched.start()] + generator.choice(slots[matched[1]]) + text[matched.end() :]
    return text


def _amounts(generator: random.Random) -> dict[str, str]:
    """Two amounts, the smaller first, and their difference in percent, written alike."""
    low = generator.choice(
        (0.4, 1.3, 2.6, 4.8, 7.5, 9.1, 13, 18, 27, 46, 83, 120, 340, 760)
    ) * generator.uniform(1, 1.5)
    high = low * (1 + generator.choice((0.03, 0.08, 0.15, 0.3, 0.6, 1.2)))
    places = 1 if low < generator.choice((60, 1_000)) else 0
    written = [f"{low:.{places}f}", f"{high:.{places}f}"]
    if float(written[0]) >= float(written[1]):
        written[1] = f"{float(written[0]) + 10**-places:.{places}f}"
    digits = generator.choice((0, 1))
    more, less = (high / low - 1) * 100, (1 - low / high) * 100
    return {"lo": written[0], "hi": written[1], "percent": f"{more:.{digits}f}", "drop": f"{less:.{digits}f}"}


@cache
def _table(name: str) -> dict[str, Any]:
    return tomllib.loads(files("streams.models").joinpath(f"own_sentences/{name}.toml").read_text("utf-8"))
