"""Train and development splits that keep (near-)duplicates on one side.

Texts count as the same when they agree in letters and digits, links, case and punctuation aside. The side is
a hash of that key, so it depends on the text alone: the same text is on the same side in every file and in
every run.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from typing import TYPE_CHECKING

from streams.models.served import clean

if TYPE_CHECKING:
    from collections.abc import Iterable

    from streams.models.datasets import Example

_NOT_WORD = re.compile(r"[\W_]+")
_BUCKETS = 1_000


def duplicate_key(text: str) -> str:
    """What near-duplicates share: letters and digits only, compatibility-normalised and case-folded."""
    return _NOT_WORD.sub("", unicodedata.normalize("NFKC", clean(text)).casefold())


def split(examples: Iterable[Example], dev_share: float = 0.07) -> tuple[list[Example], list[Example]]:
    """(train, dev); about `dev_share` of the distinct texts go to dev."""
    sides: tuple[list[Example], list[Example]] = ([], [])
    for example in examples:
        sides[falls_in(example.key or duplicate_key(example.text), dev_share)].append(example)
    return sides


def falls_in(key: str, share: float) -> bool:
    """Whether a key is among the `share` that its hash picks out."""
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big") % _BUCKETS < share * _BUCKETS
