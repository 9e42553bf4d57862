"""Which rows of an evaluation belong to which slice: where a model is weak is hidden in the average."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING, Final

from streams.domain.text import language_by_script

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

SHORT, LONG = 60, 140
"""Characters; a Chinese character counts for three, which is about what it says."""
_NEGATION: Final = re.compile(
    r"\b(?:not|no|never|none|without|fails? to|n't|neither|nor|cannot)\b|n't\b|[不没未无非勿莫]",
    re.IGNORECASE,
)
_NUMBER: Final = re.compile(r"\d")
_SOURCE_COLUMNS: Final = ("source", "origin")


def slices_of(rows: Sequence[Mapping[str, str]], pairs: Sequence[tuple[str, str]]) -> dict[str, list[int]]:
    """Row numbers by slice name (`language=zh`, `length=short`, `negation`, …); rows may be in several."""
    targets: dict[str, set[str]] = defaultdict(set)
    for text, target in pairs:
        targets[text].add(target)
    found: dict[str, list[int]] = defaultdict(list)
    for number, (row, (text, _)) in enumerate(zip(rows, pairs, strict=True)):
        for name in _names(row, text, len(targets[text])):
            found[name].append(number)
    return dict(sorted(found.items()))


def _names(row: Mapping[str, str], text: str, targets: int) -> Iterator[str]:
    language = row.get("language") or language_by_script(text) or "en"
    yield f"language={language}"
    size = len(text) * (3 if language == "zh" else 1)
    yield f"length={'short' if size < SHORT else 'long' if size > LONG else 'medium'}"
    for column in _SOURCE_COLUMNS:
        if row.get(column):
            yield f"{column}={row[column]}"
    if targets > 1 or row.get("n_entities", "1") not in {"", "1"}:
        yield "several entities"
    yield "negation" if _NEGATION.search(text) else "no negation"
    yield "numbers" if _NUMBER.search(text) else "no numbers"
