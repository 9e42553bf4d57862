from __future__ import annotations

from datetime import date

import pytest

from streams.domain.entity import ALWAYS, Validity
from streams.domain.relevance import Placement, relevance

DAY = date(2022, 6, 9)


def placement(**changes) -> Placement:
    values = {
        "count": 1,
        "total_count": 1,
        "in_title": False,
        "has_title": True,
        "first_offset": 50,
        "length": 100,
    }
    return Placement(**{**values, **changes})


@pytest.mark.parametrize(
    ("span", "covered"),
    [
        (ALWAYS, True),
        (Validity(until=DAY), False),
        (Validity(since=DAY), True),
        (Validity(since=date(2022, 6, 10)), False),
    ],
)
def test_validity_is_half_open(span, covered):
    assert span.covers(DAY) is covered


def test_headline_about_one_company_is_fully_relevant():
    assert relevance(placement(in_title=True, first_offset=0)) == 100


def test_headline_beats_body_and_early_beats_late():
    headline = relevance(placement(in_title=True, first_offset=5))
    early, late = relevance(placement(first_offset=10)), relevance(placement(first_offset=90))
    assert headline > early > late > 0


def test_one_of_twenty_tickers_is_hardly_relevant():
    assert relevance(placement(total_count=20, has_title=False, first_offset=0)) < 25


def test_post_without_a_headline_is_not_punished_for_it():
    assert relevance(placement(has_title=False, first_offset=0)) == 100
