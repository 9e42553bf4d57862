"""decode → validate → normalise, as one function: what every reader of an input topic calls."""

from __future__ import annotations

from typing import TYPE_CHECKING

from streams.domain.outcome import Drop, Keep, Reason, Reject
from streams.stages.decode import decode
from streams.stages.normalise import normalise
from streams.stages.validate import validate
from streams.wire.times import LATEST

if TYPE_CHECKING:
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
