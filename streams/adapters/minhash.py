"""MinHash signatures with datasketch: the same bytes in every process, on every platform."""

from __future__ import annotations

import re
import zlib
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np
from datasketch import MinHash

from streams.domain.story import PERMUTATIONS
from streams.domain.text import han_share, signature_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

_SEED = 20140101
_SCHEME = "affine32"
"""32-bit rows by multiply-and-add on mixed 32-bit hashes; named, since datasketch's default may change."""

_HAN_CHARACTERS = 5
_LATIN_WORDS = 3
_HAN_SHARE = 0.3
_WORDS = re.compile(r"[^\W_]+(?:['.\-&][^\W_]+)*")


class DatasketchSigner:
    """Signs documents: 64 rows of 32 bits, little-endian, 256 bytes; empty for a text without a word.

    Shingles are five characters for text that is mostly Chinese (without spaces and punctuation), three
    words otherwise; a text shorter than that is one shingle. They are hashed with CRC-32: Python's own
    `hash` differs from process to process, and datasketch mixes the bits before it permutes them.
    """

    def __init__(self) -> None:
        blank = MinHash(num_perm=PERMUTATIONS, seed=_SEED, hashfunc=zlib.crc32, scheme=_SCHEME)
        self._multiply, self._add = np.asarray(blank.permutations, dtype=np.uint32)

    def sign(self, title: str, body: str) -> bytes:
        """The signature of a document, given normalised title and body (either may be empty)."""
        return self.sign_all([(title, body)])[0]

    def sign_all(self, texts: Sequence[tuple[str, str]]) -> list[bytes]:
        """The same for many documents at a fraction of the price: numpy's calls cost more than what they compute."""
        hashed = [
            [zlib.crc32(piece.encode("utf-8", "surrogatepass")) for piece in shingle(signature_text(*text))]
            for text in texts
        ]
        filled = [hashes for hashes in hashed if hashes]
        if not filled:
            return [b""] * len(texts)
        starts = np.cumsum([0, *map(len, filled[:-1])])
        rows = iter(self._rows(np.array(list(chain.from_iterable(filled)), dtype=np.uint32), starts))
        return [next(rows).tobytes() if hashes else b"" for hashes in hashed]

    def _rows(self, hashes: npt.NDArray[np.uint32], starts: npt.NDArray[np.intp]) -> npt.NDArray[np.uint32]:
        """What datasketch's `update_batch` does, for hashes of several documents that begin at ``starts``."""
        permuted = _mixed(hashes)[:, np.newaxis] * self._multiply + self._add
        return np.minimum.reduceat(permuted, starts, axis=0).astype("<u4")


def _mixed(hashes: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint32]:
    """MurmurHash3's finalizer, as datasketch applies it before it permutes; the products wrap around."""
    hashes = hashes ^ (hashes >> np.uint32(16))
    hashes = hashes * np.uint32(0x85EBCA6B)
    hashes = hashes ^ (hashes >> np.uint32(13))
    hashes = hashes * np.uint32(0xC2B2AE35)
    return hashes ^ (hashes >> np.uint32(16))


def shingle(text: str) -> set[str]:
    """The overlapping pieces that are compared; empty for a text without a letter or digit."""
    words = _WORDS.findall(text)
    if not text.isascii() and han_share(text) >= _HAN_SHARE:
        joined = "".join(words)
        return {joined[i : i + _HAN_CHARACTERS] for i in range(max(1, len(joined) - _HAN_CHARACTERS + 1))}
    if not words:
        return set()
    return {" ".join(words[i : i + _LATIN_WORDS]) for i in range(max(1, len(words) - _LATIN_WORDS + 1))}
