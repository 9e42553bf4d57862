"""Daily sentiment of each symbol, made only of what was known by the close of the session it is filed under."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from streams.backtest.sessions import refuse_look_ahead, utc

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from uuid import UUID

    from streams.backtest.bars import Days, Floats
    from streams.backtest.inference import Integers
    from streams.backtest.sessions import Sessions


class Spoken(NamedTuple):
    """One version of one document about one entity, with when it was known and when a later version replaced it."""

    entity_id: str
    document_id: UUID
    story: UUID
    tone: float
    """p_pos - p_neg, -1 to 1."""
    known_at: datetime
    superseded_at: datetime | None


class Opening(NamedTuple):
    """An alert as it was when it opened; what it became later was not known yet."""

    alert_id: str
    entity_id: str
    severity: str
    opened_at: datetime
    known_at: datetime


@dataclass(frozen=True, slots=True)
class DailySignal:
    """Sessions × symbols; NaN where nothing was said."""

    tone: Floats
    """Mean tone over distinct stories, each story the mean of its documents."""
    stories: Integers
    last_known: Days
    """When the newest item in it was known; NaT where nothing was said."""

    def verify(self, sessions: Sessions, lag: int) -> None:
        """Refuse look-ahead, whoever made this signal."""
        said = np.isfinite(self.tone)
        rows = np.broadcast_to(np.arange(len(self.tone))[:, None], self.tone.shape)[said]
        refuse_look_ahead(sessions, rows, self.last_known[said], lag)


def daily_signal(spoken: Sequence[Spoken], columns: Mapping[str, int], sessions: Sessions) -> DailySignal:
    """Each document counts once: in the session in which its first version was known, read as of that session's close.

    Later revisions, withdrawals and copies of the next day change nothing in it.

    Args:
        spoken: all versions, in any order.
        columns: the symbol's column of each entity.
        sessions: the exchange's.
    """
    rows = [row for row in spoken if row.entity_id in columns]
    known = utc(row.known_at for row in rows)
    session = sessions.of(known)
    first: dict[tuple[str, UUID], int] = {}
    for row, at in zip(rows, session.tolist(), strict=True):
        key = (row.entity_id, row.document_id)
        first[key] = min(first.get(key, at), at)
    shape = (len(sessions.days), len(set(columns.values())))
    told: dict[tuple[int, int], dict[UUID, list[float]]] = defaultdict(lambda: defaultdict(list))
    newest = np.full(shape, np.datetime64("NaT"), dtype="datetime64[us]")
    for row, at, moment in zip(rows, session.tolist(), known, strict=True):
        if at >= len(sessions.days) or at != first[row.entity_id, row.document_id]:
            continue
        if row.superseded_at is not None and utc([row.superseded_at])[0] < sessions.closes[at]:
            continue
        cell = (at, columns[row.entity_id])
        told[cell][row.story].append(row.tone)
        newest[cell] = moment if np.isnat(newest[cell]) else max(newest[cell], moment)
    tone, stories = np.full(shape, np.nan), np.zeros(shape, dtype=np.int64)
    for cell, by_story in told.items():
        tone[cell] = sum(sum(tones) / len(tones) for tones in by_story.values()) / len(by_story)
        stories[cell] = len(by_story)
    return DailySignal(tone, stories, newest)
