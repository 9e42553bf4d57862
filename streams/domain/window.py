"""Panes and windows of event time, lateness, and the pane from which a document may be read.

All times are aware UTC datetimes; windows are half-open [start, end).
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
PANE = timedelta(minutes=5)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
WINDOW_SIZES = {"5m": PANE, "1h": HOUR, "1d": DAY}


def floor(time: datetime, size: timedelta = PANE, offset: timedelta = timedelta(0)) -> datetime:
    """Start of the window of this size that holds ``time``; ``offset`` shifts the day cut."""
    return time - (time - EPOCH - offset) % size


def pane_end(event_time: datetime) -> datetime:
    """End of the 5-minute pane that holds the event time."""
    return floor(event_time) + PANE


def closes_until(watermark: datetime, lateness: timedelta) -> datetime:
    """The largest pane end E with ``watermark >= E + lateness``: what this watermark lets close."""
    return floor(watermark - lateness)


def known_pane(event_time: datetime, known_watermark: datetime | None, lateness: timedelta) -> datetime:
    """The first pane end E >= the document's own whose detection may read it.

    A document is late for a window iff ``known_wm >= window end + lateness`` (design: decided by content alone), so it is
    readable from the first pane end E with ``known_wm < E + lateness``.
    """
    own = pane_end(event_time)
    if known_watermark is None:
        return own
    return max(own, closes_until(known_watermark, lateness) + PANE)
