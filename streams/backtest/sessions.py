"""Exchange sessions in UTC: in which session something became known, and when it could be traded on at the earliest.

Something known during session s, or after the close of s - 1, belongs to session s: the first whose close lies after it. It
is traded at the open of session s + lag with lag >= 1, so a whole close lies between knowing and trading.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from streams.errors import Misconfigured

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from streams.backtest.bars import Days
    from streams.backtest.inference import Integers

CALENDARS: Final = {
    "US": "XNYS", "XNYS": "XNYS", "XNAS": "XNYS", "OTCM": "XNYS", "XSHG": "XSHG", "XSHE": "XSHG", "BJSE": "XSHG",
    "XHKG": "XHKG", "XNSE": "XBOM", "XETR": "XETR", "XTKS": "XTKS", "XKRX": "XKRX", "XPAR": "XPAR", "XSWX": "XSWX",
    "XLON": "XLON", "XTAI": "XTAI", "XSAU": "XSAU",
}  # fmt: skip
"""Market of the gazetteer → calendar of `exchange_calendars` with the same sessions."""


@dataclass(frozen=True, slots=True)
class Sessions:
    """Opens and closes of the sessions that have bars, UTC, microseconds."""

    calendar: str
    days: Days
    opens: Days
    closes: Days
    foreign: int = 0
    """Days with bars on which the exchange was closed; they are left out."""

    def of(self, known: Days) -> Integers:
        """The session each moment belongs to; ``len(days)`` where no later close is on file."""
        return np.searchsorted(self.closes, known, side="right").astype(np.int64)


def sessions_between(calendar: str, days: Days) -> Sessions:
    """The sessions among these days, with early closes and changes of the clocks.

    Raises:
        Misconfigured: the calendar is unknown, or the packages for backtests are missing.
    """
    try:
        import exchange_calendars  # noqa: PLC0415 - a second of pandas that only a backtest needs
        from exchange_calendars.errors import InvalidCalendarName  # noqa: PLC0415
    except ImportError as error:
        raise Misconfigured("a backtest needs more packages: install sentiwatch[backtest]") from error
    if not len(days):
        raise Misconfigured("there are no bars")
    try:
        schedule = exchange_calendars.get_calendar(calendar, start=str(days[0]), end=str(days[-1])).schedule
    except InvalidCalendarName as error:
        raise Misconfigured(f"--calendar {calendar}: there is no such calendar (e.g. XNYS, XSHG)") from error
    open_days = schedule.index.to_numpy().astype("datetime64[D]")
    kept = np.isin(open_days, days)
    opens, closes = (
        schedule[name].dt.tz_localize(None).to_numpy().astype("datetime64[us]")[kept]
        for name in ("open", "close")
    )
    foreign = len(days) - int(kept.sum())
    return Sessions(calendar, open_days[kept], opens, closes, foreign)


def utc(moments: Iterable[datetime]) -> Days:
    """Aware times as UTC microseconds."""
    return np.array([moment.timestamp() * 1e6 for moment in moments], dtype="int64").astype("datetime64[us]")


def refuse_look_ahead(sessions: Sessions, assigned: Integers, known: Days, lag: int) -> None:
    """Check what everything rests on: known before the close of its session, entered after a bar more.

    Raises:
        Misconfigured: an item would have been traded on before it was known, or in the bar that made it known.
    """
    if lag < 1:
        raise Misconfigured("entry must come at least one bar after known_at: --lag 1 or more")
    inside = assigned < len(sessions.days)
    session, moment = assigned[inside], known[inside]
    late = moment >= sessions.closes[session]
    entry = session + lag
    tradeable = entry < len(sessions.days)
    late[tradeable] |= sessions.opens[entry[tradeable]] <= moment[tradeable]
    if late.any():
        worst = int(np.flatnonzero(late)[0])
        raise Misconfigured(
            f"look-ahead: {int(late.sum())} items count in a session that had closed before they were known, "
            f"e.g. one of {sessions.days[session[worst]]} known at {moment[worst]}Z"
        )
