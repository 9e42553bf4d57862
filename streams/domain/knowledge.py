"""When a pane was known to be complete, and which partitions lacked something there: from the steps of their watermarks."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from streams.domain.window import EPOCH

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime, timedelta

    from streams.domain.batch import WatermarkStep

ALL = "all"
FAILING_REJECTS, FAILING_SHARE = 10, 0.5
"""A partition fails where at least so many and at least this share of the records between two steps were rejected."""


class Status(StrEnum):
    """What is known of a closed window."""

    COMPLETE = "complete"
    DEGRADED = "degraded"
    FORCED = "forced"


@dataclass(frozen=True, slots=True)
class PartitionHistory:
    """The steps of one partition's watermark around some panes, ascending, and where its input stands now.

    The last step before the panes and the first one after them are among ``steps``.
    """

    source_class: str
    steps: Sequence[WatermarkStep]
    end: WatermarkStep

    def closing(self, pane: datetime) -> WatermarkStep:
        """The step that first let the pane close; the end of its input where none did."""
        position = self._position(pane)
        return self.steps[position] if position < len(self.steps) else self.end

    def lacks(self, pane: datetime, silent_after: timedelta) -> bool:
        """Whether it was silent at this pane end, or most of what it said was rejected."""
        if not self.steps:
            return False  # it has never said anything
        position = self._position(pane)
        following = self.closing(pane)
        before = self.steps[position - 1] if position else None
        if before is None:
            return following.closes_until != pane  # it has not begun
        silent = following.closes_until != pane and pane - before.closes_until > silent_after
        rejected = following.rejected - before.rejected
        read = following.next_offset - before.next_offset
        return silent or (rejected >= FAILING_REJECTS and rejected >= FAILING_SHARE * read)

    def _position(self, pane: datetime) -> int:
        return bisect_left(self.steps, pane, key=lambda step: step.closes_until)


@dataclass(frozen=True, slots=True)
class Knowledge:
    """The histories of all partitions, by topic and number."""

    partitions: Mapping[tuple[str, int], PartitionHistory] = field(default_factory=dict)

    def known_at(self, pane: datetime) -> datetime:
        """When the pane end was known to be complete: the last partition decides."""
        latest = max((history.closing(pane).known_at for history in self.partitions.values()), default=EPOCH)
        return latest if latest > EPOCH else pane

    def now(self, pane: datetime) -> datetime:
        """When something could be known that came although its pane was closed: with the last record stored."""
        return max((history.end.known_at for history in self.partitions.values()), default=pane)

    def lacking(self, pane: datetime, silent_after: timedelta) -> frozenset[str]:
        """The source classes of which a partition lacked something at this pane end."""
        return frozenset(
            history.source_class for history in self.partitions.values() if history.lacks(pane, silent_after)
        )
