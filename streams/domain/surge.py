"""Cells of the negative surge: which are tested, and what one shows over a span, as of a pane end.

Tested are companies (all topics, all classes) and topics of the market (documents that name no company: a company's surge
must not fire its topic too). Times are int64 microseconds since the epoch, windows half-open [end - span, end).
A row is visible at pane end E iff known_pane <= E < superseded_pane.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from streams.domain.detector import SpanCount
from streams.domain.entity import MARKET
from streams.domain.window import DAY, EPOCH, HOUR, PANE

if TYPE_CHECKING:
    from collections.abc import Iterable

RULE = "negative_surge"
ALL = "all"
SPANS = {"1h": HOUR, "24h": DAY}
NEVER = np.iinfo(np.int64).max
"""`superseded_pane` of a row that is still current."""

Times = npt.NDArray[np.int64]
MICROSECOND = timedelta(microseconds=1)


def microseconds(time: datetime) -> int:
    """Microseconds since the epoch, exact."""
    return (time - EPOCH) // MICROSECOND


def moment(value: int) -> datetime:
    """The inverse of `microseconds`."""
    return EPOCH + int(value) * MICROSECOND


PANE_US = PANE // MICROSECOND


@dataclass(frozen=True, slots=True, order=True)
class Cell:
    """One tested cell; its dedup key is the identity of its alerts."""

    entity_id: str
    topic: str = ALL
    source_class: str = ALL

    @property
    def is_market(self) -> bool:
        return self.entity_id == MARKET

    @property
    def kind(self) -> str:
        """Cells of one kind share a pooled baseline."""
        return "market" if self.is_market else "company"

    @property
    def dedup_key(self) -> str:
        return f"{RULE}|{self.entity_id}|{self.topic}|{self.source_class}"


class Row(NamedTuple):
    """One mention of one version, as stored; rows come ordered by (event_time, document_id)."""

    entity_id: str
    topic: str
    event_time: int
    known_pane: int
    superseded_pane: int
    story: object
    source_key: str
    negative: bool


@dataclass(frozen=True, slots=True)
class CellRows:
    """The mentions of one cell as parallel arrays, ordered by (event_time, document_id)."""

    times: Times
    known: Times
    superseded: Times
    stories: Times
    """Codes of stories, equal within one object only."""
    sources: Times
    """Codes of source keys."""
    negative: npt.NDArray[np.bool_]

    def select(self, mask: npt.NDArray[np.bool_] | slice) -> CellRows:
        return CellRows(
            self.times[mask], self.known[mask], self.superseded[mask],
            self.stories[mask], self.sources[mask], self.negative[mask],
        )  # fmt: skip

    def between(self, start: int, end: int) -> CellRows:
        """Rows of [start, end), visible or not."""
        low, high = np.searchsorted(self.times, (start, end))
        return self.select(slice(int(low), int(high)))

    def visible(self, as_of: int) -> CellRows:
        """Rows that the detection of this pane end may read."""
        return self.select((self.known <= as_of) & (self.superseded > as_of))

    def on_time_panes(self, after: int, until: int) -> Times:
        """Pane ends in (after, until] that bring a document on time: only those may open an episode."""
        own = self.times // PANE_US * PANE_US + PANE_US
        return np.unique(self.known[(self.known == own) & (self.known > after) & (self.known <= until)])


_NOTHING = np.empty(0, dtype=np.int64)
NO_ROWS = CellRows(_NOTHING, _NOTHING, _NOTHING, _NOTHING, _NOTHING, np.empty(0, dtype=np.bool_))


def cell_of(row: Row) -> Cell:
    return Cell(row.entity_id, row.topic) if row.entity_id == MARKET else Cell(row.entity_id)


def group_rows(rows: Iterable[Row]) -> dict[Cell, CellRows]:
    """Rows by cell, in their order."""
    buckets: dict[Cell, list[Row]] = {}
    for row in rows:
        buckets.setdefault(cell_of(row), []).append(row)
    return {cell: _arrays(bucket) for cell, bucket in buckets.items()}


def _arrays(rows: list[Row]) -> CellRows:
    stories: dict[object, int] = {}
    sources: dict[object, int] = {}
    return CellRows(
        times=np.array([row.event_time for row in rows], dtype=np.int64),
        known=np.array([row.known_pane for row in rows], dtype=np.int64),
        superseded=np.array([row.superseded_pane for row in rows], dtype=np.int64),
        stories=np.array([stories.setdefault(row.story, len(stories)) for row in rows], dtype=np.int64),
        sources=np.array([sources.setdefault(row.source_key, len(sources)) for row in rows], dtype=np.int64),
        negative=np.array([row.negative for row in rows], dtype=np.bool_),
    )


def count_span(rows: CellRows, end: int, span: timedelta, since: int = 0) -> SpanCount:
    """What the cell shows over [end - span, end), but not before ``since``, as of pane end ``end``."""
    seen = rows.between(max(end - span // MICROSECOND, since), end).visible(end)
    negatives = seen.select(seen.negative)
    leading, first = np.unique(negatives.stories, return_index=True)
    return SpanCount(
        negatives=len(leading),
        stories=len(np.unique(seen.stories)),
        documents=len(negatives.times),
        sources=len(np.unique(negatives.sources[first])),
    )


def sliding_counts(rows: CellRows, starts: Times, span: timedelta) -> npt.NDArray[np.float64]:
    """Distinct stories in [start, start + span) for each start (ascending, evenly spaced or not).

    A story is in a window iff one of its documents is; a document adds the starts that the story's previous document
    has not covered yet, so the windows of each story are counted once.
    """
    if not len(rows.times) or not len(starts):
        return np.zeros(len(starts))
    order = np.lexsort((rows.times, rows.stories))
    times, stories = rows.times[order], rows.stories[order]
    earliest = times - span // MICROSECOND
    same = np.r_[False, stories[1:] == stories[:-1]]
    earliest[same] = np.maximum(earliest[same], times[np.flatnonzero(same) - 1])
    low = np.searchsorted(starts, earliest, side="right")
    high = np.searchsorted(starts, times, side="right")
    steps = np.zeros(len(starts) + 1)
    np.add.at(steps, low, 1)
    np.add.at(steps, high, -1)
    return np.cumsum(steps)[:-1]
