"""decode → validate → normalise, as one function: what every reader of an input topic calls."""

from __future__ import annotations

from typing import TYPE_CHECKING

from streams.domain.outcome import Drop, Keep, Reason, Reject
from streams.stages.decode import decode
from streams.stages.normalise import normalise
from streams.stages.validate import validate
from streams.wire.times import LATEST

if TYPE_CHECKING:
    from datetime import datetime

    from streams.domain.document import Document, RawRecord, SourceClass
    from streams.wire.limits import InputLimits


def read_record(
    record: RawRecord, source_class: SourceClass, limits: InputLimits
) -> Keep[Document] | Drop | Reject:
    """A document, a heartbeat to drop, or exactly one reason for the dead letters. Pure; never raises."""
    if record.timestamp >= LATEST:
        return Reject(Reason.DATE_OUT_OF_RANGE, "the record's Kafka timestamp")
    decoded = decode(record, limits)
    if not isinstance(decoded, Keep):
        return decoded
    valid = validate(decoded.value, record, source_class, limits)
    if isinstance(valid, Reject):
        return valid
    return normalise(valid.value, limits)


def in_time(
    outcome: Keep[Document] | Drop | Reject, watermark: datetime | None, limits: InputLimits
) -> Keep[Document] | Drop | Reject:
    """The outcome, unless its document is older than the horizon allows: its windows are frozen.

    Judged by its partition's watermark just before it, never by the clock: a replay of history reads what it read then.
    """
    if not limits.horizon or watermark is None or not isinstance(outcome, Keep):
        return outcome
    if outcome.value.event_time >= watermark - limits.horizon:
        return outcome
    return Reject(Reason.TOO_OLD, f"event_time: more than {limits.horizon.days} days behind its partition")
