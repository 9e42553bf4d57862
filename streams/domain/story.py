"""Stories: which documents are copies of which (leader clustering over the last 24 hours).

Documents are taken in (event_time, id) order. One that resembles an earlier leader joins its story, any
other leads a story of its own. Leaders never change, so what is decided when a pane closes stays decided.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import TYPE_CHECKING
from uuid import UUID

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

PERMUTATIONS = 64
SIGNATURE_BYTES = PERMUTATIONS * 4
JOIN_SIMILARITY = 0.6
STORY_SPAN = timedelta(hours=24)
_BANDS, _ROWS = 21, 3
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


def assign_stories(documents: Iterable[Signed], leaders: Iterable[Leader]) -> list[Assignment]:
    """The story of each document, in (event_time, id) order, given the leaders of the last 24 hours.

    A pure function of its arguments, whatever their order. A late document may join a leader that is up to
    24 hours younger: it is a copy whichever arrived first.
    """
    index = LeaderIndex(sorted(leaders, key=lambda leader: (leader.event_time, leader.story_id)))
    return [index.assign(d) for d in sorted(documents, key=lambda d: (d.event_time, d.document_id))]


class LeaderIndex:
    """Leaders by locality-sensitive bands, so that a document meets its look-alikes only."""

    def __init__(self, leaders: Sequence[Leader] = ()) -> None:
        self._leaders: list[Leader] = []
        self._buckets: dict[bytes, list[int]] = {}
        for leader in leaders:
            self.add(leader)

    def add(self, leader: Leader) -> None:
        """Make a leader known; one without a signature can be joined by nobody and is not kept."""
        if not leader.signature:
            return
        position = len(self._leaders)
        self._leaders.append(leader)
        for key in _band_keys(leader.signature):
            self._buckets.setdefault(key, []).append(position)

    def assign(self, document: Signed) -> Assignment:
        """Join the most similar leader (the earliest among equals), or lead from now on."""
        best, best_similarity = None, 0.0
        for leader in self._candidates(document):
            value = similarity(leader.signature, document.signature)
            if value >= JOIN_SIMILARITY and value > best_similarity:
                best, best_similarity = leader, value
        if best is not None:
            return Assignment(
                document.document_id, best.story_id, is_leader=False, similarity=best_similarity
            )
        leader = Leader(story_id(document.document_id), document.event_time, document.signature)
        self.add(leader)
        return Assignment(document.document_id, leader.story_id, is_leader=True, similarity=1.0)

    def _candidates(self, document: Signed) -> list[Leader]:
        if not document.signature:
            return []
        positions: set[int] = set()
        for key in _band_keys(document.signature):
            positions.update(self._buckets.get(key, ()))
        found = [self._leaders[position] for position in positions]
        near = [leader for leader in found if abs(document.event_time - leader.event_time) <= STORY_SPAN]
        return sorted(near, key=lambda leader: (leader.event_time, leader.story_id))


def _rows(signature: bytes) -> npt.NDArray[np.uint32]:
    return np.frombuffer(signature, dtype="<u4")


def _band_keys(signature: bytes) -> list[bytes]:
    width = _ROWS * 4
    return [bytes([band]) + signature[band * width : (band + 1) * width] for band in range(_BANDS)]
