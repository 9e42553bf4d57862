"""Leaders of stories by locality-sensitive bands, so that a document meets its look-alikes only.

Half a kilobyte a leader: the bulk lies in sorted arrays, and what was added since in dictionaries.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from streams.domain.story import (
    BANDS,
    JOIN_SIMILARITY,
    ROWS,
    STORY_SPAN,
    Assignment,
    Leader,
    similarity,
    story_id,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime
    from uuid import UUID

    from streams.domain.story import Signed

Keys = npt.NDArray[np.uint64]
FRESH = 4_096
"""So many leaders are kept in dictionaries before they join the arrays."""
MIX = np.array([0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9], dtype=np.uint64)


def assign_stories(documents: Iterable[Signed], leaders: Iterable[Leader]) -> list[Assignment]:
    """The story of each document, in (event_time, id) order, given the leaders of the last 24 hours.

    A pure function of its arguments, whatever their order. A late document may join a leader that is up to
    24 hours younger: it is a copy whichever arrived first.
    """
    index = LeaderIndex(leaders)
    return [index.assign(d) for d in sorted(documents, key=lambda d: (d.event_time, d.document_id))]


def band_keys(signatures: Sequence[bytes]) -> Keys:
    """One row of `BANDS` keys for each signature; equal bands have equal keys."""
    rows = np.frombuffer(b"".join(signatures), dtype="<u4").reshape(len(signatures), -1)
    bands = rows[:, : BANDS * ROWS].reshape(-1, BANDS, ROWS).astype(np.uint64)
    mixed = (bands + np.uint64(1)) * MIX
    keys = mixed[:, :, 0] ^ (mixed[:, :, 1] >> np.uint64(7)) ^ (mixed[:, :, 2] << np.uint64(9))
    return np.asarray(keys * MIX[0] + np.arange(BANDS, dtype=np.uint64), dtype=np.uint64)


class LeaderIndex:
    """Finds the leader that a document resembles; who is in it, and in which order they came, makes no difference."""

    def __init__(self, leaders: Iterable[Leader] = ()) -> None:
        self._leaders: list[Leader] = []
        self._stories: set[UUID] = set()
        self._sorted: list[tuple[Keys, npt.NDArray[np.int32]]] = []
        self._fresh: dict[int, list[int]] = {}
        self._fresh_from = 0
        self.extend(leaders)

    def __len__(self) -> int:
        return len(self._leaders)

    def __contains__(self, story: UUID) -> bool:
        return story in self._stories

    def extend(self, leaders: Iterable[Leader]) -> None:
        """Make leaders known, those that are not yet; one without a signature can be joined by nobody."""
        new = [leader for leader in leaders if leader.story_id not in self._stories]
        if len(new) < FRESH:
            for leader in new:
                self._add(leader, band_keys([leader.signature]) if leader.signature else None)
            return
        self._stories |= {leader.story_id for leader in new}
        self._leaders += [leader for leader in new if leader.signature]
        self._settle()

    def forget_before(self, time: datetime) -> None:
        """Drop leaders that no document near ``time`` plus the span can join."""
        self._leaders = [leader for leader in self._leaders if leader.event_time >= time]
        self._stories = {leader.story_id for leader in self._leaders}
        self._settle()

    def assign(self, document: Signed) -> Assignment:
        """Join the most similar leader (the earliest among equals), or lead from now on."""
        keys = band_keys([document.signature]) if document.signature else None
        best, best_similarity = None, 0.0
        for leader in self._candidates(document, keys):
            value = similarity(leader.signature, document.signature)
            if value >= JOIN_SIMILARITY and value > best_similarity:
                best, best_similarity = leader, value
        if best is not None:
            return Assignment(
                document.document_id, best.story_id, is_leader=False, similarity=best_similarity
            )
        leader = Leader(story_id(document.document_id), document.event_time, document.signature)
        self._add(leader, keys)
        return Assignment(document.document_id, leader.story_id, is_leader=True, similarity=1.0)

    def _add(self, leader: Leader, keys: Keys | None) -> None:
        self._stories.add(leader.story_id)
        if keys is None:
            return
        position = len(self._leaders)
        self._leaders.append(leader)
        for key in keys[0].tolist():
            self._fresh.setdefault(key, []).append(position)
        if position - self._fresh_from >= FRESH:
            self._settle()

    def _settle(self) -> None:
        """All leaders into the arrays."""
        self._fresh, self._fresh_from = {}, len(self._leaders)
        if not self._leaders:
            self._sorted = []
            return
        keys = band_keys([leader.signature for leader in self._leaders])
        orders = [np.argsort(keys[:, band], kind="stable").astype(np.int32) for band in range(BANDS)]
        self._sorted = [(keys[order, band], order) for band, order in enumerate(orders)]

    def _candidates(self, document: Signed, keys: Keys | None) -> list[Leader]:
        if keys is None:
            return []
        positions: set[int] = set()
        for band, key in enumerate(keys[0]):
            positions.update(self._fresh.get(int(key), ()))
            if self._sorted:
                ordered, order = self._sorted[band]
                low = int(ordered.searchsorted(key))
                while low < len(ordered) and ordered[low] == key:
                    positions.add(int(order[low]))
                    low += 1
        found = [self._leaders[position] for position in positions]
        near = [leader for leader in found if abs(document.event_time - leader.event_time) <= STORY_SPAN]
        return sorted(near, key=lambda leader: (leader.event_time, leader.story_id))
