from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import numpy as np
import pytest

from streams.backtest.sessions import Sessions
from streams.backtest.signal import Spoken, daily_signal
from streams.errors import Misconfigured

OPEN = datetime(2014, 1, 6, 14, 30, tzinfo=UTC)
DAYS = np.arange(np.datetime64("2014-01-06"), np.datetime64("2014-01-10"))
SESSIONS = Sessions(
    "XNYS",
    DAYS,
    DAYS.astype("datetime64[us]") + np.timedelta64(14 * 60 + 30, "m"),
    DAYS.astype("datetime64[us]") + np.timedelta64(21, "h"),
)


def spoken(document: int, tone: float, hours: float, **changes: object) -> Spoken:
    """Known so many hours after the first open."""
    row = Spoken("us.a", UUID(int=document), UUID(int=document), tone, OPEN + timedelta(hours=hours), None)
    return row._replace(**changes)  # type: ignore[arg-type]


def tones(*rows: Spoken) -> list[float | None]:
    found = daily_signal(rows, {"us.a": 0}, SESSIONS).tone[:, 0]
    return [None if np.isnan(value) else round(float(value), 6) for value in found]


def test_documents_count_in_the_session_in_which_they_were_known():
    assert tones(spoken(1, 0.5, 1), spoken(2, -0.5, 2), spoken(3, -1, 7)) == [0.0, -1.0, None, None]


def test_copies_of_a_story_count_as_one():
    copy = UUID(int=9)
    assert tones(spoken(1, 1, 1), *(spoken(n, -1, 1, story=copy) for n in range(2, 8)))[0] == 0


def test_a_later_revision_changes_no_signal_and_makes_none():
    before = spoken(1, 0.5, 1, superseded_at=OPEN + timedelta(hours=30))
    after = spoken(1, -1.0, 30)
    assert tones(before, after) == [0.5, None, None, None]


def test_a_revision_known_before_the_close_is_what_counts():
    before = spoken(1, 0.5, 1, superseded_at=OPEN + timedelta(hours=2))
    assert tones(before, spoken(1, -1.0, 2)) == [-1.0, None, None, None]


def test_a_document_withdrawn_later_still_counts_where_it_was_known():
    assert tones(spoken(1, 0.5, 1, superseded_at=OPEN + timedelta(days=2)))[0] == 0.5
    assert tones(spoken(1, 0.5, 1, superseded_at=OPEN + timedelta(hours=1, minutes=5)))[0] is None


def test_a_future_document_leaves_the_sessions_before_it_alone():
    calm = [spoken(1, 0.25, 1), spoken(2, 0.5, 25)]
    assert tones(*calm, spoken(3, -1, 60))[:2] == tones(*calm)[:2]


def test_a_planted_look_ahead_is_refused():
    honest = daily_signal([spoken(1, 0.5, 1), spoken(2, 0.5, 25)], {"us.a": 0}, SESSIONS)
    honest.verify(SESSIONS, 1)
    shifted = replace(
        honest, tone=np.roll(honest.tone, -1, axis=0), last_known=np.roll(honest.last_known, -1, axis=0)
    )
    with pytest.raises(Misconfigured, match="look-ahead"):
        shifted.verify(SESSIONS, 1)
