"""Train and development splits that keep near-duplicates on one side.

Texts that agree in letters and digits, or that share most of their character 5-grams (MinHash), form a group; the
side is a hash of the group's smallest key, so it depends on the texts alone and not on their order.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from typing import TYPE_CHECKING, Final

import numpy as np

from streams.models.served import clean

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from streams.models.datasets import Example

_NOT_WORD = re.compile(r"[\W_]+")
_BUCKETS = 1_000
_GRAM: Final = 5
_BANDS: Final = 10
_ROWS: Final = 4
NEAR: Final = 0.7  # Jaccard similarity from which two texts are near-duplicates
_MIXER = np.random.Generator(np.random.PCG64(20_260_630))
_FACTORS: Final = _MIXER.integers(1, 2**63, size=(_BANDS * _ROWS, 1), dtype=np.uint64) | np.uint64(1)
_OFFSETS: Final = _MIXER.integers(0, 2**63, size=(_BANDS * _ROWS, 1), dtype=np.uint64)
_POWERS: Final = np.array([31**power for power in range(_GRAM)], dtype=np.uint64)


def duplicate_key(text: str) -> str:
    """What exact copies share: letters and digits only, compatibility-normalised and case-folded."""
    return _NOT_WORD.sub("", unicodedata.normalize("NFKC", clean(text)).casefold())


def split(examples: Iterable[Example], dev_share: float = 0.07) -> tuple[list[Example], list[Example]]:
    """(train, dev); about `dev_share` of the distinct texts go to dev."""
    known = list(examples)
    leaders = near_duplicates([duplicate_key(e.text) for e in known if not e.key])
    sides: tuple[list[Example], list[Example]] = ([], [])
    for example in known:
        key = example.key or leaders[duplicate_key(example.text)]
        sides[falls_in(key, dev_share)].append(example)
    return sides


def near_duplicates(keys: Sequence[str]) -> dict[str, str]:
    """Each duplicate key's group, named by its smallest member."""
    leaders = {key: key for key in keys}

    def leader(key: str) -> str:
        while leaders[key] != key:
            leaders[key] = leaders[leaders[key]]
            key = leaders[key]
        return key

    seen: dict[tuple[int, bytes], str] = {}
    grams = {key: _grams(key) for key in sorted(leaders)}
    for key, own in grams.items():
        signature = (own * _FACTORS + _OFFSETS >> np.uint64(32)).min(axis=1).reshape(_BANDS, _ROWS)
        for band, rows in enumerate(signature):
            other = seen.setdefault((band, rows.tobytes()), key)
            first, second = leader(other), leader(key)
            if first != second and _similarity(grams[other], own) >= NEAR:
                leaders[max(first, second)] = min(first, second)
    return {key: leader(key) for key in leaders}


def falls_in(key: str, share: float) -> bool:
    """Whether a key is among the `share` that its hash picks out."""
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big") % _BUCKETS < share * _BUCKETS


def _grams(key: str) -> NDArray[np.uint64]:
    """Distinct hashes of the key's character 5-grams, shape (1, grams)."""
    letters = np.frombuffer(key.ljust(_GRAM).encode("utf-32-le"), dtype=np.uint32).astype(np.uint64)
    windows = np.lib.stride_tricks.sliding_window_view(letters, _GRAM)
    return np.unique((windows * _POWERS).sum(axis=1, dtype=np.uint64))[None, :]


def _similarity(first: NDArray[np.uint64], second: NDArray[np.uint64]) -> float:
    shared = np.intersect1d(first, second, assume_unique=True).size
    return shared / (first.size + second.size - shared)
