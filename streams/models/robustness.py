"""What must not change an answer: names swapped, and the same words written otherwise.

Sentences and fillings are ours (robustness_sentences.toml). A flip is a class that differs from the class of the sentence in
its first filling, as written.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from streams.domain.text import normalise
from streams.models.intervals import share_interval

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from streams.models.evaluation import Model

AIM: Final = 0.02
SHOWN: Final = 30
SLOTS: Final = ("company", "country", "person", "currency")


@dataclass(frozen=True, slots=True)
class Sentence:
    """One text with its target, and the sentence it is a variant of (itself when it is none)."""

    text: str
    target: str
    language: str
    kind: str = ""
    origin: int = 0


def sentences() -> list[Sentence]:
    """Each sentence once with each company: many texts for other checks."""
    return [s for number, template in enumerate(_templates()) for s in _filled(number, template, "company")]


def base_sentences() -> list[Sentence]:
    """Each sentence in its first filling."""
    return [next(_filled(number, template, "")) for number, template in enumerate(_templates())]


def swaps() -> list[Sentence]:
    """Variants in which one kind of name is another."""
    return [
        variant
        for slot in SLOTS
        for number, template in enumerate(_templates())
        for variant in list(_filled(number, template, slot))[1:]
    ]


def perturbations() -> list[Sentence]:
    """Variants in which the words are written otherwise."""
    return [
        Sentence(write(base.text), write_target(base.target), base.language, kind, number)
        for kind, (write, write_target, languages) in _WRITINGS.items()
        for number, base in enumerate(base_sentences())
        if base.language in languages and write(base.text) != base.text
    ]


def report(model: Model) -> dict[str, Any]:
    """Flip rates with 95 % intervals by kind, and the variants that flipped (the first `SHOWN` of each group)."""
    base = base_sentences()
    decided = _classes(model, base)
    groups = {"swaps": swaps(), "perturbations": perturbations()}
    result: dict[str, Any] = {
        "model_version": model.version,
        "model_versions": {"sentiment": model.version},
        "sentences": len(base),
        "aim": AIM,
    }
    for name, variants in groups.items():
        found = _classes(model, variants)
        flips = np.array([found[i] != decided[v.origin] for i, v in enumerate(variants)])
        kinds = sorted({v.kind for v in variants})
        result[name] = {
            "all": _rate(flips),
            **{kind: _rate(flips[[v.kind == kind for v in variants]]) for kind in kinds},
        }
        result[f"{name}_failures"] = [
            {
                "kind": variants[i].kind,
                "text": variants[i].text,
                "said": model.labels[found[i]],
                "but": base[variants[i].origin].text,
                "was": model.labels[decided[variants[i].origin]],
            }
            for i in np.flatnonzero(flips)[:SHOWN]
        ]
    result["passed"] = result["swaps"]["all"]["flip_rate"] <= AIM
    return result


def _rate(flips: Any) -> dict[str, Any]:
    return {
        "n": len(flips),
        "flips": int(flips.sum()),
        "flip_rate": round(float(flips.mean()), 4) if len(flips) else 0.0,
        "interval": share_interval(flips),
    }


def _classes(model: Model, variants: Sequence[Sentence]) -> list[int]:
    """Texts are normalised first, as every document's is on its way to the models."""
    pairs = [(normalise(v.text), normalise(v.target)) for v in variants]
    return [int(row.argmax()) for row in model.score(pairs)]


def _templates() -> list[dict[str, Any]]:
    content = files("streams.models").joinpath("robustness_sentences.toml").read_text("utf-8")
    read = tomllib.loads(content)
    return [{**row, "fillings": read["fillings"][row["language"]]} for row in read["sentence"]]


def _filled(number: int, template: dict[str, Any], slot: str) -> Iterator[Sentence]:
    """The template in its first filling, then with each other filling of `slot`."""
    first = {name: values[0] for name, values in template["fillings"].items()}
    used = f"{{{slot}}}" in template["text"]
    for value in template["fillings"][slot] if used else [""]:
        filling = {**first, slot: value} if used else first
        target = filling.get(template.get("about", ""), "")
        yield Sentence(template["text"].format(**filling), target, template["language"], slot, number)


def _typo(text: str) -> str:
    """Two inner letters of every fourth longer word swapped."""
    words = text.split(" ")
    for place in range(1, len(words), 4):
        word = words[place]
        if len(word) > 4 and word.isalpha():
            words[place] = word[0] + word[2] + word[1] + word[3:]
    return " ".join(words)


def _wide(text: str) -> str:
    """Printable ASCII in full-width forms, as Chinese input methods write them."""
    return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text)


def _traditional(text: str) -> str:
    table = files("streams.models").joinpath("simplified.txt").read_text("utf-8").split()
    back = {simple: old for old, simple in zip(*table, strict=True)}
    return "".join(back.get(c, c) for c in text)


def _same(text: str) -> str:
    return text


_BOTH: Final = ("en", "zh")
_WRITINGS: Final[dict[str, tuple[Callable[[str], str], Callable[[str], str], tuple[str, ...]]]] = {
    "lower case": (str.lower, str.lower, ("en",)),
    "upper case": (str.upper, str.upper, ("en",)),
    "typos": (_typo, _same, ("en",)),
    "full-width forms": (_wide, _wide, _BOTH),
    "emoji": (lambda text: f"{text} 📊", _same, _BOTH),
    "link": (lambda text: f"{text} https://example.com/a1b2", _same, _BOTH),
    "trailing full stop": (lambda text: text + ("。" if _is_chinese(text) else "."), _same, _BOTH),
    "traditional characters": (_traditional, _traditional, ("zh",)),
}


def _is_chinese(text: str) -> bool:
    return any("\u4e00" <= c <= "\u9fff" for c in text)
