"""Times on the wire: RFC 3339 with an offset, or epoch seconds or milliseconds; within, aware UTC datetimes.

A time without an offset is refused, never guessed; nothing is ever replaced by the current time.
"""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta
from typing import Final

from streams.domain.outcome import Reason, Reject

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
LATEST: Final = datetime(9000, 1, 1, tzinfo=UTC)
"""Where timestamps end for us: a producer that writes microseconds for milliseconds lies beyond it."""
FIRST_YEAR: Final = 1990
LAST_YEAR: Final = 2100
MILLISECONDS_FROM: Final = 100_000_000_000
"""As seconds this is the year 5138, as milliseconds it is 1973: no real date is mistaken."""

TIME_PATTERN: Final = (
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ]([01][0-9]|2[0-3]):[0-9]{2}(:[0-9]{2}([.,][0-9]{1,9})?)?"
    r"([Zz]|[+-][0-9]{2}(:?[0-9]{2})?)\Z"
)
"""RFC 3339, plus a space, a comma, no seconds and a short offset, as ISO 8601 allows and feeds send."""

_TIME: Final = re.compile(TIME_PATTERN)
_LOCAL_TIME: Final = re.compile(r"[0-9]{4}-?[0-9]{2}-?[0-9]{2}([Tt ][0-9:.,]*)?")


def parse_time(value: object, name: str) -> datetime | Reject:
    """The time in UTC, or the reason why it is none; ``name`` is the field, for the detail.

    None and blank text are MISSING_DATE, a bool or a structure WRONG_TYPE, text that is no RFC 3339 or has
    no offset UNPARSEABLE_DATE, and years before 1990 or after 2100 DATE_OUT_OF_RANGE.
    """
    if isinstance(value, str):
        return _from_text(value, name)
    if value is None:
        return Reject(Reason.MISSING_DATE, name)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return Reject(Reason.WRONG_TYPE, f"{name}: expected a time, text or number")
    return _from_epoch(value, name)


def milliseconds(time: datetime) -> int:
    """Whole milliseconds since 1970, rounded down: Kafka's timestamp of an event time."""
    return (time - EPOCH) // timedelta(milliseconds=1)


def from_milliseconds(value: int) -> datetime:
    """The Kafka timestamp as an aware UTC datetime; what no calendar holds becomes `LATEST`, which no record may be at."""
    try:
        return min(EPOCH + timedelta(milliseconds=value), LATEST)
    except OverflowError:
        return LATEST if value > 0 else EPOCH


def format_time(time: datetime) -> str:
    """RFC 3339 in UTC with a `Z`, as we write it."""
    return time.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _from_text(value: str, name: str) -> datetime | Reject:
    if not _TIME.match(value):
        return _unparseable(value, name)
    try:
        local = datetime.fromisoformat(value.upper())
        return _in_range(local.astimezone(UTC), name)
    except OverflowError:
        return Reject(Reason.DATE_OUT_OF_RANGE, name)
    except ValueError:
        # 30 February, an offset of 24 hours; the year 0 is no more parseable
        return Reject(Reason.UNPARSEABLE_DATE, f"{name}: no such date")


def _unparseable(value: str, name: str) -> Reject:
    if not value.strip():
        return Reject(Reason.MISSING_DATE, name)
    if _LOCAL_TIME.fullmatch(value):
        return Reject(Reason.UNPARSEABLE_DATE, f"{name}: no offset")
    return Reject(Reason.UNPARSEABLE_DATE, f"{name}: not RFC 3339")


def _from_epoch(value: float, name: str) -> datetime | Reject:
    if abs(value) >= MILLISECONDS_FROM * 1000:
        return Reject(Reason.DATE_OUT_OF_RANGE, name)
    if math.isnan(value):
        return Reject(Reason.UNPARSEABLE_DATE, f"{name}: not a number")
    if abs(value) >= MILLISECONDS_FROM:
        return _in_range(EPOCH + timedelta(milliseconds=value), name)
    return _in_range(EPOCH + timedelta(seconds=value), name)


def _in_range(time: datetime, name: str) -> datetime | Reject:
    if FIRST_YEAR <= time.year <= LAST_YEAR:
        return time
    return Reject(Reason.DATE_OUT_OF_RANGE, name)
