from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from streams.backtest.sessions import refuse_look_ahead, sessions_between, utc
from streams.errors import Misconfigured

pytest.importorskip("exchange_calendars")
# A winter week, a week with the clocks already changed in New York but not in London, and Thanksgiving with its half day.
DAYS = np.array(
    ["2014-01-06", "2014-01-07", "2014-03-10", "2014-03-11", "2014-11-26", "2014-11-27", "2014-11-28", "2014-12-01"],
    dtype="datetime64[D]",
)  # fmt: skip
NEW_YORK = sessions_between("XNYS", DAYS)


def session_at(*moment: int) -> str:
    known = utc([datetime(2014, *moment, tzinfo=UTC)])
    return str(NEW_YORK.days[NEW_YORK.of(known)[0]])


def test_known_during_a_session_belongs_to_it():
    assert session_at(1, 6, 20, 59) == "2014-01-06"


def test_known_at_or_after_the_close_belongs_to_the_next_session():
    assert session_at(1, 6, 21, 0) == "2014-01-07"
    assert session_at(1, 6, 23, 30) == "2014-01-07"


def test_the_close_follows_the_clocks_of_the_exchange():
    assert session_at(3, 10, 19, 59) == "2014-03-10"
    assert session_at(3, 10, 20, 0) == "2014-03-11"


def test_a_half_day_closes_early_and_a_holiday_is_no_session():
    assert session_at(11, 28, 17, 59) == "2014-11-28"
    assert session_at(11, 28, 18, 0) == "2014-12-01"
    assert NEW_YORK.foreign == 1
    assert "2014-11-27" not in NEW_YORK.days.astype(str)


def test_what_is_known_after_the_last_close_belongs_to_no_session():
    assert NEW_YORK.of(utc([datetime(2015, 1, 1, tzinfo=UTC)]))[0] == len(NEW_YORK.days)


def test_shanghai_closes_at_three_in_the_afternoon_there():
    shanghai = sessions_between("XSHG", np.array(["2026-06-01", "2026-06-02"], dtype="datetime64[D]"))
    assert shanghai.of(utc([datetime(2026, 6, 1, 7, 0, tzinfo=UTC)]))[0] == 1


def test_an_item_filed_before_it_was_known_is_refused():
    known = utc([datetime(2014, 1, 6, 21, 30, tzinfo=UTC)])
    with pytest.raises(Misconfigured, match="look-ahead: 1 items"):
        refuse_look_ahead(NEW_YORK, np.array([0]), known, 1)
    refuse_look_ahead(NEW_YORK, np.array([1]), known, 1)


def test_an_entry_in_the_bar_that_made_it_known_is_refused():
    with pytest.raises(Misconfigured, match="one bar"):
        refuse_look_ahead(NEW_YORK, np.array([0]), utc([datetime(2014, 1, 6, 15, tzinfo=UTC)]), 0)


def test_an_unknown_calendar_is_one_clear_line():
    with pytest.raises(Misconfigured, match="--calendar XXXX"):
        sessions_between("XXXX", DAYS)
