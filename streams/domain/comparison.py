"""What differs between the alerts of two runs: pure, on their rows."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
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

    @property
    def entity_id(self) -> str:
        """The entity in ``rule|entity|topic|source class``."""
        return self.dedup_key.split("|")[1] if self.dedup_key.count("|") else self.dedup_key

    @property
    def month(self) -> str:
        """Year and month of the opening, UTC."""
        return f"{self.opened_at:%Y-%m}"


Pair = tuple[AlertRow, AlertRow]


@dataclass(frozen=True, slots=True)
class Tally:
    """How the alerts of one entity or month fared; ``moved`` and ``severity`` are among ``changed``."""

    only_a: int = 0
    only_b: int = 0
    moved: int = 0
    severity: int = 0
    changed: int = 0
    same: int = 0


@dataclass(frozen=True, slots=True)
class Comparison:
    """Alerts of run A against those of run B. Of two rows in a pair the first is A's."""

    only_a: tuple[AlertRow, ...]
    only_b: tuple[AlertRow, ...]
    changed: tuple[Pair, ...]
    """Pairs that differ in any figure."""
    unchanged: tuple[AlertRow, ...]

    @property
    def same(self) -> int:
        """Alerts that are alike in both."""
        return len(self.unchanged)

    @property
    def moved(self) -> tuple[Pair, ...]:
        """Those of the changed that opened at another time."""
        return tuple(pair for pair in self.changed if pair[0].opened_at != pair[1].opened_at)

    @property
    def severity(self) -> tuple[Pair, ...]:
        """Those of the changed that reached another severity."""
        return tuple(pair for pair in self.changed if pair[0].severity != pair[1].severity)

    def by_entity(self) -> dict[str, Tally]:
        """Most affected first."""
        tallies = self._tallies(lambda row: row.entity_id)
        return dict(sorted(tallies.items(), key=lambda item: (-_affected(item[1]), item[0])))

    def by_month(self) -> dict[str, Tally]:
        """In order of time; a pair counts in A's month."""
        return dict(sorted(self._tallies(lambda row: row.month).items()))

    def _tallies(self, group: Callable[[AlertRow], str]) -> dict[str, Tally]:
        counts = Counter((group(row), what) for what, row in self._outcomes())
        names = {name for name, _ in counts}
        return {
            name: Tally(**{what: count for (key, what), count in counts.items() if key == name})
            for name in names
        }

    def _outcomes(self) -> Iterator[tuple[str, AlertRow]]:
        yield from (("only_a", row) for row in self.only_a)
        yield from (("only_b", row) for row in self.only_b)
        yield from (("moved", pair[0]) for pair in self.moved)
        yield from (("severity", pair[0]) for pair in self.severity)
        yield from (("changed", pair[0]) for pair in self.changed)
        yield from (("same", row) for row in self.unchanged)


def _affected(tally: Tally) -> int:
    return tally.only_a + tally.only_b + tally.changed


def compare(a: Iterable[AlertRow], b: Iterable[AlertRow], within: timedelta) -> Comparison:
    """Pair alerts of one dedup key whose openings lie no further apart than ``within``, the nearest first.

    A pair that differs in any figure, the opening included, is `changed`.
    """
    rows_a, rows_b = (sorted(rows, key=lambda row: (row.dedup_key, row.opened_at)) for rows in (a, b))
    twins: dict[str, list[int]] = {}
    for place, row in enumerate(rows_b):
        twins.setdefault(row.dedup_key, []).append(place)
    candidates = sorted(
        (abs(rows_b[other].opened_at - row.opened_at), place, other)
        for place, row in enumerate(rows_a)
        for other in twins.get(row.dedup_key, ())
    )
    of_a: dict[int, int] = {}
    taken: set[int] = set()
    for distance, place, other in candidates:
        if distance <= within and place not in of_a and other not in taken:
            of_a[place] = other
            taken.add(other)
    pairs = [(rows_a[place], rows_b[other]) for place, other in sorted(of_a.items())]
    return Comparison(
        only_a=tuple(row for place, row in enumerate(rows_a) if place not in of_a),
        only_b=tuple(row for place, row in enumerate(rows_b) if place not in taken),
        changed=tuple(pair for pair in pairs if pair[0] != pair[1]),
        unchanged=tuple(row for row, other in pairs if row == other),
    )
