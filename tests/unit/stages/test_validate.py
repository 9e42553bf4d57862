from datetime import UTC, datetime, timedelta

import pytest

from streams.domain.document import Document, RawRecord, SourceClass, SourcePartition
from streams.domain.outcome import Keep, Reason, Reject
from streams.stages.validate import validate
from streams.wire.limits import InputLimits

TIMESTAMP = datetime(2026, 6, 1, 12, tzinfo=UTC)
AHEAD = "2026-06-01T14:00:00Z"
LATER = "2026-06-01T16:00:00Z"


def payload(**changes):
    fields = {
        "version": "document.v1",
        "id": "17",
        "source": "wire",
        "event_time": "2026-06-01T20:00:00+08:00",
        "title": "Acme warns on profit",
    }
    return fields | changes


def run(fields, headers=(), timestamp=TIMESTAMP, limits=None):
    record = RawRecord(SourcePartition("news.raw.v1", 0), 0, timestamp, b"17", b"", tuple(headers))
    return validate(fields, record, SourceClass.NEWS, limits or InputLimits())


def kept(*args, **kwargs):
    outcome = run(*args, **kwargs)
    assert isinstance(outcome, Keep), outcome
    return outcome.value


def test_the_least_document_is_kept_with_its_defaults():
    assert kept(payload()) == Document(
        source="wire",
        source_id="17",
        source_class=SourceClass.NEWS,
        event_time=TIMESTAMP,
        source_time=TIMESTAMP,
        title="Acme warns on profit",
    )


def test_null_is_the_same_as_absent():
    nulls = dict.fromkeys(
        ("source_time", "revision", "deleted", "content", "language", "url", "author", "publisher", "tickers")
    )
    assert kept(payload(**nulls)) == kept(payload())


def test_unknown_fields_are_ignored():
    assert kept(payload(level="C", stocks=[1])) == kept(payload())


@pytest.mark.parametrize(
    ("changes", "reason", "field"),
    [
        ({"id": None}, Reason.MISSING_FIELD, "id"),
        ({"id": " "}, Reason.MISSING_FIELD, "id"),
        ({"id": 17}, Reason.WRONG_TYPE, "id"),
        ({"id": "x" * 257}, Reason.INVALID_VALUE, "id"),
        ({"id": "a\x1fb"}, Reason.INVALID_VALUE, "id"),
        ({"source": None}, Reason.MISSING_FIELD, "source"),
        ({"source": ""}, Reason.MISSING_FIELD, "source"),
        ({"source": ["wire"]}, Reason.WRONG_TYPE, "source"),
        ({"source": "x" * 129}, Reason.INVALID_VALUE, "source"),
        ({"event_time": None}, Reason.MISSING_DATE, "event_time"),
        ({"event_time": "soon"}, Reason.UNPARSEABLE_DATE, "event_time"),
        ({"event_time": "2026-06-01T12:00:00"}, Reason.UNPARSEABLE_DATE, "event_time"),
        ({"event_time": False}, Reason.WRONG_TYPE, "event_time"),
        ({"event_time": 1e18}, Reason.DATE_OUT_OF_RANGE, "event_time"),
        ({"event_time": "2026-06-01T12:05:01Z"}, Reason.FUTURE_DATE, "event_time"),
        ({"source_time": "2026-06-01T12:05:01Z"}, Reason.FUTURE_DATE, "source_time"),
        ({"source_time": "never"}, Reason.UNPARSEABLE_DATE, "source_time"),
        ({"embargo_until": {}}, Reason.WRONG_TYPE, "embargo_until"),
        ({"embargo_until": "2027-07-01T00:00:00Z"}, Reason.DATE_OUT_OF_RANGE, "embargo_until"),
        ({"revision": True}, Reason.WRONG_TYPE, "revision"),
        ({"revision": "1"}, Reason.WRONG_TYPE, "revision"),
        ({"revision": 1.5}, Reason.WRONG_TYPE, "revision"),
        ({"revision": -1}, Reason.INVALID_VALUE, "revision"),
        ({"revision": 2**31}, Reason.INVALID_VALUE, "revision"),
        ({"deleted": 1}, Reason.WRONG_TYPE, "deleted"),
        ({"deleted": "true"}, Reason.WRONG_TYPE, "deleted"),
        ({"title": 3}, Reason.WRONG_TYPE, "title"),
        ({"content": ["a"]}, Reason.WRONG_TYPE, "content"),
        ({"title": ""}, Reason.EMPTY_TEXT, "title"),
        ({"title": None}, Reason.EMPTY_TEXT, "title"),
        ({"title": " \n\t", "content": "\u3000"}, Reason.EMPTY_TEXT, "title"),
        ({"content": "x" * 1_000_000}, Reason.TEXT_TOO_LONG, "content"),
        ({"language": "x" * 36}, Reason.INVALID_VALUE, "language"),
        ({"url": "x" * 2049}, Reason.INVALID_VALUE, "url"),
        ({"author": "x" * 257}, Reason.INVALID_VALUE, "author"),
        ({"author": 5}, Reason.WRONG_TYPE, "author"),
        ({"publisher": "x" * 257}, Reason.INVALID_VALUE, "publisher"),
        ({"tickers": "AAPL"}, Reason.WRONG_TYPE, "tickers"),
        ({"tickers": ["AAPL", 1]}, Reason.WRONG_TYPE, "tickers"),
        ({"tickers": ["A"] * 65}, Reason.INVALID_VALUE, "tickers"),
        ({"tickers": ["A" * 33]}, Reason.INVALID_VALUE, "tickers"),
    ],
)
def test_a_wrong_field_is_rejected_and_named(changes, reason, field):
    outcome = run(payload(**changes))
    assert isinstance(outcome, Reject)
    assert outcome.reason is reason
    assert field in outcome.detail


def test_the_first_of_several_problems_is_the_one_reported():
    outcome = run(payload(id=None, event_time="soon", title=""))
    assert outcome == Reject(Reason.MISSING_FIELD, "id")


def test_a_deletion_needs_no_text():
    assert kept(payload(deleted=True, title=None)).deleted


def test_text_at_the_limit_is_kept():
    limits = InputLimits(text_chars=30)
    assert kept(payload(title="x" * 10, content="y" * 20), limits=limits)
    assert run(payload(title="x" * 10, content="y" * 21), limits=limits).reason is Reason.TEXT_TOO_LONG


def test_tickers_are_stripped_and_not_repeated():
    assert kept(payload(tickers=[" $AAPL", "600519.SH", "", "$AAPL"])).tickers == ("$AAPL", "600519.SH")


def test_five_minutes_ahead_of_the_kafka_timestamp_is_tolerated():
    assert kept(payload(event_time="2026-06-01T12:05:00Z")).event_time == TIMESTAMP + timedelta(minutes=5)


def test_an_embargoed_document_happens_at_its_release():
    document = kept(payload(event_time="2026-06-01T11:00:00Z", embargo_until=AHEAD))
    assert (document.event_time, document.embargoed) == (TIMESTAMP + timedelta(hours=2), True)
    dated_ahead = kept(payload(event_time=AHEAD, embargo_until=AHEAD))
    assert (dated_ahead.event_time, dated_ahead.embargoed) == (TIMESTAMP + timedelta(hours=2), True)


def test_a_released_document_keeps_its_release_time_and_is_no_longer_embargoed():
    document = kept(
        payload(event_time="2026-06-01T10:00:00Z", embargo_until="2026-06-01T11:00:00Z"), timestamp=TIMESTAMP
    )
    assert (document.event_time, document.embargoed) == (TIMESTAMP - timedelta(hours=1), False)


def test_a_date_after_its_own_release_is_still_a_future_date():
    assert run(payload(event_time=LATER, embargo_until=AHEAD)).reason is Reason.FUTURE_DATE


def test_event_headers_fill_in_what_the_payload_lacks():
    fields = {"version": "document.v1", "title": "Acme"}
    headers = [
        ("ce_id", b"h1"),
        ("ce_source", b"/feeds/wire"),
        ("ce_time", b"2026-06-01T12:00:00Z"),
        ("x", b"\xff"),
    ]
    document = kept(fields, headers)
    assert (document.source_id, document.source, document.event_time) == ("h1", "/feeds/wire", TIMESTAMP)


def test_the_payload_wins_over_event_headers():
    assert kept(payload(), [("ce_id", b"other")]).source_id == "17"


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        (("ce_id", b"\xff"), Reason.INVALID_VALUE),
        (("ce_id", b"a\x00"), Reason.INVALID_VALUE),
        (("ce_id", b"x" * 300), Reason.INVALID_VALUE),
        (("ce_id", b""), Reason.MISSING_FIELD),
        (("ce_id", None), Reason.MISSING_FIELD),
    ],
)
def test_bad_event_headers_are_bad_data_too(header, reason):
    assert run(payload(id=None), [header]).reason is reason


def test_details_never_repeat_content():
    for field in payload():
        for value in ("SECRET" * 100, ["SECRET"], {"SECRET": 1}):
            outcome = run(payload(**{field: value}))
            assert isinstance(outcome, Keep) or "SECRET" not in outcome.detail
