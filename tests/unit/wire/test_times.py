from datetime import UTC, datetime, timedelta

import pytest

from streams.domain.outcome import Reason, Reject
from streams.wire.times import format_time, from_milliseconds, milliseconds, parse_time

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    "value",
    [
        "2026-06-01T12:00:00Z",
        "2026-06-01t12:00:00z",
        "2026-06-01 12:00:00+00:00",
        "2026-06-01T20:00:00+08:00",
        "2026-06-01T20:00+0800",
        "2026-06-01T07:00:00.000000-05",
        1780315200,
        1780315200.0,
        1780315200000,
        1780315200000.0,
    ],
)
def test_every_accepted_form_of_an_instant_is_the_same_utc_time(value):
    assert parse_time(value, "event_time") == NOON
    assert parse_time(value, "event_time").tzinfo is UTC


def test_fractions_are_kept():
    assert parse_time("2026-06-01T12:00:00.250Z", "t") == NOON + timedelta(milliseconds=250)
    assert parse_time(1780315200.25, "t") == NOON + timedelta(milliseconds=250)
    assert parse_time(1780315200250, "t") == NOON + timedelta(milliseconds=250)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, Reason.MISSING_DATE),
        ("", Reason.MISSING_DATE),
        ("  ", Reason.MISSING_DATE),
        (True, Reason.WRONG_TYPE),
        ([2026], Reason.WRONG_TYPE),
        ({"date": 1}, Reason.WRONG_TYPE),
        ("yesterday", Reason.UNPARSEABLE_DATE),
        ("1780315200", Reason.UNPARSEABLE_DATE),
        ("2026-02-30T12:00:00Z", Reason.UNPARSEABLE_DATE),
        ("2026-13-01T12:00:00Z", Reason.UNPARSEABLE_DATE),
        ("2026-06-01T24:00:00Z", Reason.UNPARSEABLE_DATE),
        ("2026-06-01T12:00:00+24:00", Reason.UNPARSEABLE_DATE),
        ("2026-06-01T12:00:00Z\n", Reason.UNPARSEABLE_DATE),
        ("२०२६-०६-०१T12:00:00Z", Reason.UNPARSEABLE_DATE),
        (float("nan"), Reason.UNPARSEABLE_DATE),
        (float("inf"), Reason.DATE_OUT_OF_RANGE),
        (0, Reason.DATE_OUT_OF_RANGE),
        (-1, Reason.DATE_OUT_OF_RANGE),
        (10**30, Reason.DATE_OUT_OF_RANGE),
        (10**4000, Reason.DATE_OUT_OF_RANGE),
        (-1e300, Reason.DATE_OUT_OF_RANGE),
        (1780315200000000, Reason.DATE_OUT_OF_RANGE),
        ("1989-12-31T23:59:59Z", Reason.DATE_OUT_OF_RANGE),
        ("2101-01-01T00:00:00Z", Reason.DATE_OUT_OF_RANGE),
        ("0001-01-01T00:00:00+10:00", Reason.DATE_OUT_OF_RANGE),
        ("9999-12-31T23:59:59-10:00", Reason.DATE_OUT_OF_RANGE),
    ],
)
def test_what_is_no_plausible_time_is_rejected_with_its_reason(value, reason):
    outcome = parse_time(value, "event_time")
    assert isinstance(outcome, Reject)
    assert outcome.reason is reason
    assert "event_time" in outcome.detail


@pytest.mark.parametrize("value", ["2026-06-01T12:00:00", "2026-06-01 12:00", "2026-06-01", "20260601"])
def test_a_time_without_an_offset_is_never_guessed(value):
    assert parse_time(value, "event_time") == Reject(Reason.UNPARSEABLE_DATE, "event_time: no offset")


def test_kafka_timestamps_round_down_and_come_back():
    time = NOON + timedelta(microseconds=1999)
    assert milliseconds(time) == 1780315200001
    assert from_milliseconds(milliseconds(time)) == NOON + timedelta(milliseconds=1)


def test_our_own_format_is_read_back():
    time = NOON + timedelta(microseconds=123456)
    assert parse_time(format_time(time), "t") == time
