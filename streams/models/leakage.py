"""Whether texts of a file occur in the training data: exactly, but for case and punctuation, or nearly.

Near means a Jaccard similarity of at least `NEAR` over character 5-grams: candidates by MinHash, then counted
exactly, so that no finding is an accident of hashing.
"""

from __future__ import annotations

import zlib
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from datasketch import MinHash, MinHashLSH

from streams.domain.text import normalise
from streams.models import datasets
from streams.models.splitting import duplicate_key, split

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

NEAR: Final = 0.7
GRAM: Final = 5
PERMUTATIONS: Final = 64
CANDIDATE: Final = 0.5
"""Candidates are gathered from a lower similarity, so that a near-duplicate is hardly ever missed."""


@dataclass(frozen=True, slots=True)
class Leak:
    """A row of the file that training has seen; `origin` names the training file, never its text."""

    row: int
    kind: str
    similarity: float
    origin: str


def training_texts(data: Path, tasks: Iterable[str], *, whole: bool) -> list[tuple[str, str]]:
    """(text, origin) of what the models learnt from; `whole` adds the development side of the files."""
    texts: dict[str, str] = {}
    for task in tasks:
        examples = datasets.load(task, data)
        for example in examples if whole else split(examples)[0]:
            texts.setdefault(example.text, example.origin)
    return list(texts.items())


def leaks(texts: Sequence[str], training: Sequence[tuple[str, str]]) -> list[Leak]:
    """Each text that occurs in training, by its place from 1."""
    exact = {normalise(text): origin for text, origin in training}
    by_key: dict[str, str] = {}
    for text, origin in training:
        by_key.setdefault(duplicate_key(text), origin)
    known = sorted(key for key in by_key if key)
    near = _Near([*dict.fromkeys(duplicate_key(text) for text in texts)])
    similar = near.most_similar(known)
    found = []
    for row, text in enumerate(texts, 1):
        key = duplicate_key(text)
        if normalise(text) in exact:
            found.append(Leak(row, "exact", 1.0, exact[normalise(text)]))
        elif key and key in by_key:
            found.append(Leak(row, "normalised", 1.0, by_key[key]))
        elif key in similar:
            other, similarity = similar[key]
            found.append(Leak(row, "near", round(similarity, 3), by_key[other]))
    return found


class _Near:
    """The file's keys, ready to be looked for in a larger collection."""

    def __init__(self, keys: Sequence[str]) -> None:
        self._index = MinHashLSH(threshold=CANDIDATE, num_perm=PERMUTATIONS)
        self._grams: dict[str, frozenset[str]] = {}
        self._blank = MinHash(num_perm=PERMUTATIONS, seed=1, hashfunc=zlib.crc32)
        for key in keys:
            grams = _grams(key)
            if grams:
                self._grams[key] = grams
                self._index.insert(key, self._signed(grams))

    def most_similar(self, others: Iterable[str]) -> dict[str, tuple[str, float]]:
        """The most similar of the others for each key that has one from `NEAR` on."""
        best: dict[str, tuple[str, float]] = defaultdict(lambda: ("", 0.0))
        for other in others:
            grams = _grams(other)
            if not grams:
                continue
            for key in self._index.query(self._signed(grams)):
                mine = self._grams[key]
                similarity = len(mine & grams) / len(mine | grams)
                if similarity >= NEAR and similarity > best[key][1]:
                    best[key] = (other, similarity)
        return {key: value for key, value in best.items() if value[1]}

    def _signed(self, grams: frozenset[str]) -> MinHash:
        sketch = self._blank.copy()
        sketch.update_batch([gram.encode("utf-8", "surrogatepass") for gram in sorted(grams)])
        return sketch


def _grams(key: str) -> frozenset[str]:
    return frozenset(key[i : i + GRAM] for i in range(max(1, len(key) - GRAM + 1))) if key else frozenset()
