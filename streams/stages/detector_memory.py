"""What detection keeps from step to step, and the stretch of pane ends that one step covers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from streams.domain.pool import HOUR_US, Pool, Presence
from streams.domain.surge import PANE_US, Times, microseconds, moment

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from streams.domain.baseline import Baseline
    from streams.domain.knowledge import Knowledge
    from streams.domain.summary import Range
    from streams.domain.surge import Cell
    from streams.ports import ClosingTransaction

KINDS = ("company", "market")


@dataclass(frozen=True, slots=True)
class Stretch:
    """The pane ends (after, until] of one step; only covered ones are evaluated."""

    after: datetime
    until: datetime
    coverage: list[Range]
    knowledge: Knowledge
    forced: bool = False
    """Whether some of them close only because partitions are idle."""

    def panes(self) -> Times:
        """Covered pane ends, ascending, in microseconds."""
        parts = [
            np.arange(
                microseconds(part.after) + PANE_US, microseconds(part.until) + 1, PANE_US, dtype=np.int64
            )
            for part in self.coverage
        ]
        return np.concatenate(parts) if parts else np.empty(0, dtype=np.int64)


class DetectorMemory:
    """Pools by kind and midnight, baselines of cells, and hours with documents.

    They depend on closed rows alone, so they stay right from step to step; without this each step would read the whole
    baseline period again.
    """

    def __init__(self) -> None:
        self.baselines: dict[tuple[Cell, str, datetime], Baseline | None] = {}
        self._pools: dict[tuple[str, datetime], Pool | None] = {}
        self._hours: list[int] = []
        self._loaded: tuple[int, int] | None = None

    def missing(self, days: Iterable[datetime]) -> list[datetime]:
        return [day for day in days if (KINDS[-1], day) not in self._pools]

    def get(self, kind: str, day: datetime) -> Pool | None:
        return self._pools[kind, day]

    def put(self, kind: str, day: datetime, pool: Pool | None) -> None:
        self._pools[kind, day] = pool

    async def presence(self, transaction: ClosingTransaction, start: datetime, until: datetime) -> Presence:
        """Hours of [start, until), whole ones; only those not asked for before are read."""
        first, end = microseconds(start) // HOUR_US, microseconds(until) // HOUR_US
        if self._loaded is None or not self._loaded[0] <= first <= self._loaded[1]:
            self._hours, self._loaded = [], (first, first)
        if end > self._loaded[1]:
            low, high = moment(self._loaded[1] * HOUR_US), moment(end * HOUR_US)
            self._hours += await transaction.present_hours(low, high)
            self._loaded = (first, end)
        self._hours = [hour for hour in self._hours if hour >= first]
        flags = np.zeros(max(self._loaded[1] - first, 0), dtype=np.bool_)
        flags[np.asarray(self._hours, dtype=np.int64) - first] = True
        return Presence(first, flags)

    def forget_before(self, day: datetime) -> None:
        self._pools = {key: pool for key, pool in self._pools.items() if key[1] >= day}
        self.baselines = {key: fitted for key, fitted in self.baselines.items() if key[2] >= day}

    def clear(self) -> None:
        self._pools.clear()
        self.baselines.clear()
        self._hours, self._loaded = [], None
