"""When a topic is taken for being buried by our own fault, and when not."""

from __future__ import annotations

import pytest

from streams.domain.batch import Batch
from streams.runtime.delivery.burial import BurialBreaker, BurialPolicy
from tests.builders import dead_letter, move, scored

POLICY = BurialPolicy(ratio=0.5, least=50, window=200)


def batch(good: int, bad: int, reason: str = "not_json") -> Batch:
    letters = tuple(dead_letter(n, reason=reason) for n in range(bad))
    return Batch((move(),), (scored(),) * good, letters)


def trips(breaker: BurialBreaker, good: int, bad: int, reason: str = "not_json") -> bool:
    return breaker.trips_on(batch(good, bad, reason), good + bad)


def test_a_topic_that_turns_bad_trips_it():
    breaker = BurialBreaker(POLICY)
    assert not trips(breaker, 20, 0)
    assert not trips(breaker, 0, 20)
    assert not trips(breaker, 0, 20)
    assert trips(breaker, 0, 20)
    assert "60 of the last 80 records" in breaker.line("news.raw.v1")


def test_one_bad_record_in_five_never_trips_it():
    breaker = BurialBreaker(POLICY)
    assert not any(trips(breaker, 16, 4) for _ in range(1_000))


def test_a_topic_that_was_bad_from_its_first_record_never_trips_it():
    breaker = BurialBreaker(POLICY)
    assert not any(trips(breaker, 0, 20) for _ in range(1_000))


def test_a_topic_with_good_documents_of_an_earlier_start_trips_it():
    breaker = BurialBreaker(POLICY, was_good=True)
    assert any(trips(breaker, 0, 20) for _ in range(3))


def test_a_few_bad_records_never_trip_it_however_bad_the_share():
    breaker = BurialBreaker(POLICY)
    assert not trips(breaker, 1, 0)
    assert not trips(breaker, 0, 49)


def test_what_lies_before_the_window_does_not_hide_a_topic_that_turns_bad():
    breaker = BurialBreaker(POLICY)
    for _ in range(100):
        assert not trips(breaker, 20, 0)
    assert any(trips(breaker, 0, 20) for _ in range(8))


def test_records_that_are_too_old_say_nothing_about_us():
    breaker = BurialBreaker(POLICY, was_good=True)
    assert not any(trips(breaker, 0, 20, "too_old") for _ in range(100))


@pytest.mark.parametrize("bad", [20, 200])
def test_a_ratio_of_one_switches_it_off(bad):
    breaker = BurialBreaker(BurialPolicy(1.0, 50, 200), was_good=True)
    assert not any(trips(breaker, 0, bad) for _ in range(50))
