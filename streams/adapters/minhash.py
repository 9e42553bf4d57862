"""MinHash signatures with datasketch: the same bytes in every process, on every platform."""

from __future__ import annotations

import re
import zlib

import numpy as np
from datasketch import MinHash

from streams.domain.story import PERMUTATIONS
from streams.domain.text import han_share, signature_text

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
        self._permutations = blank.permutations

    def sign(self, title: str, body: str) -> bytes:
        """The signature of a document, given normalised title and body (either may be empty)."""
        shingles = shingle(signature_text(title, body))
        if not shingles:
            return b""
        sketch = MinHash(
            num_perm=PERMUTATIONS,
            seed=_SEED,
            hashfunc=zlib.crc32,
            scheme=_SCHEME,
            permutations=self._permutations,
        )
        sketch.update_batch([piece.encode("utf-8", "surrogatepass") for piece in shingles])
        return bytes(np.asarray(sketch.hashvalues, dtype="<u4").tobytes())


def shingle(text: str) -> set[str]:
    """The overlapping pieces that are compared; empty for a text without a letter or digit."""
    words = _WORDS.findall(text)
    if not text.isascii() and han_share(text) >= _HAN_SHARE:
        joined = "".join(words)
        return {joined[i : i + _HAN_CHARACTERS] for i in range(max(1, len(joined) - _HAN_CHARACTERS + 1))}
    if not words:
        return set()
    return {" ".join(words[i : i + _LATIN_WORDS]) for i in range(max(1, len(words) - _LATIN_WORDS + 1))}
