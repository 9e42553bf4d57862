"""`heartbeat.v1`: a record that carries no document, only how far its partition has come in event time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import orjson

from streams.domain.outcome import Drop, Reason, Reject
from streams.wire.times import format_time, parse_time

if TYPE_CHECKING:
    from datetime import datetime, timedelta

VERSION: Final = "heartbeat.v1"
DROPPED: Final = "heartbeat"


def encode_heartbeat(event_time: datetime) -> bytes:
    """The payload; stamp the record with the same time."""
    return orjson.dumps({"version": VERSION, "event_time": format_time(event_time)})


def read_heartbeat(payload: dict[str, Any], timestamp: datetime, max_ahead: timedelta) -> Drop | Reject:
    """Dropped with its event time, which moves the watermark; a bad or future time must not: a Reject."""
    event_time = parse_time(payload.get("event_time"), "event_time")
    if isinstance(event_time, Reject):
        return event_time
    if event_time > timestamp + max_ahead:
        return Reject(Reason.FUTURE_DATE, "event_time: later than the Kafka timestamp allows")
    return Drop(DROPPED, event_time)
