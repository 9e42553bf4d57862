"""The generator of malformed records and the decoders agree on every kind, without a broker."""

from __future__ import annotations

from datetime import timedelta
from random import Random

from streams.benchmarks.malformed import DOCUMENT, KINDS, LARGE, craft
from streams.domain.document import RawRecord, SourceClass, SourcePartition
from streams.domain.outcome import Keep, Reason
from streams.stages.read_record import read_record
from streams.wire.limits import InputLimits

KNOWN = {Reason(reason) for reason in (
    "not_utf8", "not_json", "not_an_object", "unknown_version", "missing_field", "wrong_type", "invalid_value", "missing_date",
    "unparseable_date", "date_out_of_range", "future_date", "empty_text", "text_too_long", "null_byte", "empty_record",
    "not_xml", "unsafe_xml",
)}  # fmt: skip
EVERY = 40 * len(LARGE)


def outcome_of(crafted):
    record = RawRecord(SourcePartition("bench", 0), 0, crafted.at + timedelta(seconds=1), b"k", crafted.value)
    outcome = read_record(record, SourceClass.NEWS, InputLimits())
    return DOCUMENT if isinstance(outcome, Keep) else outcome.reason.value


def test_every_kind_becomes_what_it_must():
    wrong = [
        (each.kind, each.expected, found)
        for each in craft(EVERY, Random(7))
        if (found := outcome_of(each)) != each.expected
    ]
    assert wrong == []


def test_every_kind_comes_up_and_most_reasons_too():
    made = list(craft(EVERY, Random(7)))
    assert {each.kind for each in made} == {*KINDS, *LARGE}
    assert {each.expected for each in made} >= KNOWN


def test_a_seed_makes_the_same_records_again():
    assert list(craft(60, Random(3))) == list(craft(60, Random(3)))
    assert list(craft(60, Random(3))) != list(craft(60, Random(4)))
