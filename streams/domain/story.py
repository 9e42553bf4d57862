"""Stories: which documents are copies of which (leader clustering over the last 24 hours).

Documents are taken in (event_time, id) order. One that resembles an earlier leader joins its story, any
other leads a story of its own. Leaders never change, so what is decided when a pane closes stays decided.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import blake2b
from uuid import UUID

import numpy as np
import numpy.typing as npt

PERMUTATIONS = 64
SIGNATURE_BYTES = PERMUTATIONS * 4
JOIN_SIMILARITY = 0.6
STORY_SPAN = timedelta(hours=24)
BANDS, ROWS = 21, 3
"""63 of 64 rows: a pair at 0.6 shares a band with probability 1 - (1 - 0.6³)²¹ = 0.994.

Leskovec, Rajaraman, Ullman: Mining of Massive Datasets, ch. 3.4.
"""


@dataclass(frozen=True, slots=True)
class Signed:
    """A document as far as stories are concerned; an empty signature resembles nothing."""

    document_id: UUID
    event_time: datetime
    signature: bytes


@dataclass(frozen=True, slots=True)
class Leader:
    """The first document of a story."""

    story_id: UUID
    event_time: datetime
    signature: bytes


@dataclass(frozen=True, slots=True)
class Assignment:
    """The story of one document."""

    document_id: UUID
    story_id: UUID
    is_leader: bool
    similarity: float
    """To the leader; 1 for the leader itself."""


def story_id(document_id: UUID) -> UUID:
    """The id of the story that this document leads: the same whenever and wherever it is derived."""
    return UUID(bytes=blake2b(document_id.bytes, digest_size=16, person=b"story").digest())


def similarity(signature_a: bytes, signature_b: bytes) -> float:
    """Estimated Jaccard similarity of two MinHash signatures: the share of equal rows (Broder 1997).

    Its standard error is sqrt(j(1-j)/64), 0.06 at the joining threshold.
    """
    if not signature_a or len(signature_a) != len(signature_b):
        return 0.0
    return float(np.mean(_rows(signature_a) == _rows(signature_b)))


def _rows(signature: bytes) -> npt.NDArray[np.uint32]:
    return np.frombuffer(signature, dtype="<u4")
