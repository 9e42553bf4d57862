"""From a record to a document, a drop or one reason."""

import pytest

from streams.domain.document import SourceClass
from streams.domain.outcome import Keep, Reason, Reject
from streams.stages.read_record import read_record
from streams.wire.limits import InputLimits
from streams.wire.times import LATEST, from_milliseconds
from tests.builders import payload, raw_record


@pytest.mark.parametrize("stamp", [1_772_532_000_000_000, 253_402_300_799_999, 2**63 - 1])
def test_a_kafka_timestamp_beyond_the_calendar_is_one_dead_letter(stamp):
    record = raw_record(value=payload(), timestamp=from_milliseconds(stamp))
    outcome = read_record(record, SourceClass.NEWS, InputLimits())
    assert outcome == Reject(Reason.DATE_OUT_OF_RANGE, "the record's Kafka timestamp")


def test_no_timestamp_overflows():
    assert from_milliseconds(2**63 - 1) == LATEST
    assert from_milliseconds(-(2**63)).year == 1970


def test_an_ordinary_record_is_a_document():
    assert isinstance(read_record(raw_record(value=payload()), SourceClass.NEWS, InputLimits()), Keep)
