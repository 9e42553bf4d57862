"""Leaders kept from step to step: without this each step would read the stories of two days again."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from streams.domain.leaders import LeaderIndex
from streams.domain.story import STORY_SPAN
from streams.domain.summary import Range

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from streams.domain.closing import ClosingState
    from streams.ports import ClosingTransaction

MARGIN = timedelta(hours=12)
Mark = tuple["datetime | None", int]


class StoryMemory:
    """Right as long as nobody else has made a step since ours, or erased something; else it is read again."""

    def __init__(self) -> None:
        self._index = LeaderIndex()
        self._low: datetime | None = None
        self._mark: Mark | None = None

    def begin(self, state: ClosingState) -> None:
        """A step starts; until it is committed nothing of it may be believed."""
        if self._mark != (state.closed_until, state.erasures):
            self._index, self._low = LeaderIndex(), None
        self._mark = None

    async def load(
        self, transaction: ClosingTransaction, times: Iterable[datetime], until: datetime
    ) -> LeaderIndex:
        """All leaders that documents at these times may join, of a stretch that ends at ``until``."""
        ranges = around(times)
        if self._low is None:
            self._low = ranges[-1].after
            wanted = [*ranges[:-1], Range(self._low, max(until, ranges[-1].until))]
        else:
            low = self._low
            wanted = [Range(part.after, min(part.until, low)) for part in ranges if part.after < low]
        self._index.extend(await transaction.leaders(wanted))
        return self._index

    def committed(self, closed_until: datetime | None, erasures: int) -> None:
        """The step's transaction has ended well."""
        self._mark = (closed_until, erasures)
        if closed_until is None or self._low is None:
            return
        reach = closed_until - 2 * STORY_SPAN
        if self._low < reach - MARGIN:
            self._index.forget_before(reach)
            self._low = reach


def around(times: Iterable[datetime]) -> list[Range]:
    """Where leaders of documents at these times may lie, merged."""
    ranges: list[Range] = []
    for moment in sorted(times):
        low, high = moment - STORY_SPAN, moment + STORY_SPAN
        if ranges and low <= ranges[-1].until:
            ranges[-1] = Range(ranges[-1].after, high)
        else:
            ranges.append(Range(low, high))
    return ranges
