from __future__ import annotations

import pytest
import typer

from streams.adapters.kafka.retained import age, consecutive, expiry
from streams.cli.erase import as_text, author_request
from tests.builders import NOON, minutes


def test_an_author_is_a_key_by_its_form_and_a_handle_otherwise():
    assert author_request("ab" * 32, "").key == bytes.fromhex("ab" * 32)
    assert author_request("@Bob", "forum").handle == "bob"
    assert author_request("@" + "g" * 64, "").handle == "g" * 64
    with pytest.raises(typer.BadParameter):
        author_request("@", "")


def test_a_request_does_not_show_whom_it_means():
    assert "bob" not in repr(author_request("@Bob", ""))


def test_offsets_without_a_gap_are_told_as_one_range():
    places = [("a", 0, 1), ("a", 0, 2), ("a", 0, 4), ("a", 1, 5), ("b", 1, 6)]
    assert [(run[0], run[-1]) for run in consecutive(places)] == [
        (("a", 0, 1), ("a", 0, 2)),
        (("a", 0, 4), ("a", 0, 4)),
        (("a", 1, 5), ("a", 1, 5)),
        (("b", 1, 6), ("b", 1, 6)),
    ]


def test_what_kafka_keeps_for_ever_has_no_end():
    assert expiry(NOON, age("-1")) is None
    assert expiry(NOON, age("60000")) == NOON + minutes(1)


def test_people_are_told_what_kafka_holds_and_until_when():
    result = {
        "request": "r", "documents": 1, "rows": {"document": 2}, "folded": {"live": "folded"},
        "kafka": [
            {"topic": "t", "partition": 0, "first": 3, "last": 5, "until": None},
            {"topic": "t", "partition": 1, "first": 7, "last": 7, "until": NOON},
        ],
        "kafka_copies": [{"topic": "dead-letters.v1", "key": "t-0-9", "until": NOON}],
    }  # fmt: skip
    text = as_text(result)
    assert "t-0 offsets 3-5 for ever" in text
    assert "t-1 offsets 7-7 until 2026-03-02 12:00 UTC" in text
    assert "dead-letters.v1 key t-0-9 until 2026-03-02 12:00 UTC" in text
    unknown = as_text(
        result | {"kafka_unknown": "away", "kafka": [{"topic": "t", "partition": 0, "first": 3, "last": 3}]}
    )
    assert "could not be asked (away)" in unknown
    assert "for as long as its topic's retention says" in unknown
