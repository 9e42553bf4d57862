"""How central an entity is to a document, 0 to 100."""

from __future__ import annotations

import math
from dataclasses import dataclass

HINT_RELEVANCE = 10
"""The source lists the symbol, the text never names it: most such lists are tags of a sector."""

AUTHOR_CEILING = 20
"""A broker quoted as the author of an opinion is not what the opinion is about."""

_BODY_WEIGHT = 0.75
_POSITION_WEIGHT = 0.5


@dataclass(frozen=True, slots=True)
class Placement:
    """Where and how often an entity is named."""

    count: int
    total_count: int
    """Mentions of all entities in the document."""
    in_title: bool
    has_title: bool
    first_offset: int
    length: int
    """Characters of the whole text."""


def relevance(placement: Placement) -> int:
    """Headline beats body, early beats late, and a list of twenty tickers is about none of them.

    `100 · sqrt(count / total) · place`, where place is 1 in a headline and otherwise falls linearly with the
    first offset by up to a half, and by a quarter more when there is a headline that does not name it.
    """
    share = placement.count / max(1, placement.total_count)
    place = 1.0
    if not placement.in_title:
        place -= _POSITION_WEIGHT * min(1.0, placement.first_offset / max(1, placement.length))
        place *= _BODY_WEIGHT if placement.has_title else 1.0
    return max(1, min(100, round(100 * math.sqrt(share) * place)))
