"""What differs between the alerts of two runs: pure, on their rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class AlertRow:
    """What makes an alert comparable across runs: what it is about, when it opened, how bad it was."""

    dedup_key: str
    opened_at: datetime
    severity: str
    observed: int
    expected: float
    p_value: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """Alerts of run A against those of run B. Of two rows in a pair the first is A's."""

    only_a: tuple[AlertRow, ...]
    only_b: tuple[AlertRow, ...]
    changed: tuple[tuple[AlertRow, AlertRow], ...]
    same: int


def compare(a: Iterable[AlertRow], b: Iterable[AlertRow], within: timedelta) -> Comparison:
    """Pair alerts of one dedup key, each with the nearest opening of the other run no further off than ``within``.

    A pair that differs in any figure, the opening included, is `changed`.
    """
    left = sorted(b, key=lambda row: (row.dedup_key, row.opened_at))
    only_a, pairs = [], []
    for row in sorted(a, key=lambda row: (row.dedup_key, row.opened_at)):
        twins = [other for other in left if other.dedup_key == row.dedup_key]
        nearest = min(twins, key=lambda other: abs(other.opened_at - row.opened_at), default=None)
        if nearest is None or abs(nearest.opened_at - row.opened_at) > within:
            only_a.append(row)
        else:
            left.remove(nearest)
            pairs.append((row, nearest))
    changed = tuple(pair for pair in pairs if pair[0] != pair[1])
    return Comparison(tuple(only_a), tuple(left), changed, len(pairs) - len(changed))
