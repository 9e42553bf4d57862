from datetime import UTC, datetime, timedelta

import orjson
import pytest

from streams.domain.document import RawRecord, SourcePartition
from streams.domain.outcome import Drop, Keep, Reason, Reject
from streams.stages.decode import decode
from streams.wire.heartbeat import encode_heartbeat

TIMESTAMP = datetime(2026, 6, 1, 12, tzinfo=UTC)


def record(value, timestamp=TIMESTAMP):
    return RawRecord(SourcePartition("news.raw.v1", 0), 0, timestamp, b"key", value)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, Reason.EMPTY_RECORD),
        (b"", Reason.EMPTY_RECORD),
        (b"   ", Reason.NOT_JSON),
        (b"\xff\xfe\x00", Reason.NOT_UTF8),
        ('{"version":"document.v1","id":"é"}'.encode("latin-1"), Reason.NOT_UTF8),
        (b'{"title":"\xed\xa0\x80"}', Reason.NOT_UTF8),
        (b"Breaking: shares fall", Reason.NOT_JSON),
        (b'{"version":"document.v1"', Reason.NOT_JSON),
        (b'{"event_time":NaN}', Reason.NOT_JSON),
        (b"\xef\xbb\xbf{}", Reason.NOT_JSON),
        (b"[" * 100_000, Reason.NOT_JSON),
        (b'{"a":' * 5_000 + b"1" + b"}" * 5_000, Reason.NOT_JSON),
        (b"[]", Reason.NOT_AN_OBJECT),
        (b'"text"', Reason.NOT_AN_OBJECT),
        (b"null", Reason.NOT_AN_OBJECT),
        (b"17", Reason.NOT_AN_OBJECT),
        (b"{}", Reason.UNKNOWN_VERSION),
        (b'{"version":"document.v2"}', Reason.UNKNOWN_VERSION),
        (b'{"version":1}', Reason.UNKNOWN_VERSION),
        (b'{"version":["document.v1"]}', Reason.UNKNOWN_VERSION),
        (b'{"version":"document.v1","title":"a\x00b"}', Reason.NULL_BYTE),
        (b'{"version":"document.v1","title":"a\\u0000b"}', Reason.NULL_BYTE),
        (b'{"version":"document.v1","more":[{"deep\\u0000":1}]}', Reason.NULL_BYTE),
        (b'{"version":"document.v1","title":"a\\ud800b"}', Reason.INVALID_VALUE),
        (b'{"version":"document.v1","title":"a\\udc00b"}', Reason.INVALID_VALUE),
    ],
)
def test_bytes_that_are_no_document_are_rejected_with_one_reason(value, reason):
    outcome = decode(record(value))
    assert isinstance(outcome, Reject)
    assert outcome.reason is reason


def test_an_escaped_backslash_before_u0000_is_text():
    outcome = decode(record(rb'{"version":"document.v1","title":"C:\\u0000"}'))
    assert outcome == Keep({"version": "document.v1", "title": r"C:\u0000"})


def test_a_surrogate_pair_is_one_character():
    outcome = decode(record(b'{"version":"document.v1","title":"\\ud83d\\ude80"}'))
    assert outcome == Keep({"version": "document.v1", "title": "🚀"})


def test_details_never_repeat_content():
    for value in (
        b'{"version":"SECRET"}',
        b"SECRET",
        b'["SECRET"]',
        b'{"version":"document.v1","t":"SECRET\\u0000"}',
    ):
        assert "SECRET" not in decode(record(value)).detail


def test_a_heartbeat_is_dropped_with_its_event_time():
    assert decode(record(encode_heartbeat(TIMESTAMP))) == Drop("heartbeat", TIMESTAMP)


@pytest.mark.parametrize(
    ("event_time", "reason"),
    [
        (None, Reason.MISSING_DATE),
        ("2026-06-01T12:00:00", Reason.UNPARSEABLE_DATE),
        (0, Reason.DATE_OUT_OF_RANGE),
        ("2026-06-01T12:05:01Z", Reason.FUTURE_DATE),
    ],
)
def test_a_heartbeat_that_must_not_move_the_watermark_is_rejected(event_time, reason):
    value = orjson.dumps({"version": "heartbeat.v1", "event_time": event_time})
    outcome = decode(record(value))
    assert isinstance(outcome, Reject)
    assert outcome.reason is reason


def test_a_heartbeat_may_be_five_minutes_ahead():
    ahead = TIMESTAMP + timedelta(minutes=5)
    assert decode(record(encode_heartbeat(ahead))) == Drop("heartbeat", ahead)
