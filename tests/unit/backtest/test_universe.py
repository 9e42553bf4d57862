from __future__ import annotations

from datetime import date

import pytest

from streams.backtest.universe import Listing, match
from streams.errors import Misconfigured

START, END = date(2014, 1, 1), date(2015, 9, 30)
LISTINGS = [
    Listing("us.meta", "FB", "US", None, date(2022, 6, 9)),
    Listing("us.meta", "META", "US", date(2022, 6, 9), None),
    Listing("us.brk-b", "BRK.B", "US"),
    Listing("us.goog", "GOOG", "US"),
    Listing("us.goog", "GOOGL", "US"),
    Listing("cn.600519", "600519", "XSHG"),
    Listing("cn.000001", "000001", "XSHE"),
]


def test_a_ticker_is_the_entity_that_bore_it_then():
    assert match(["FB"], LISTINGS, START, END).entities == {"us.meta": "FB"}
    assert match(["FB", "GOOG"], LISTINGS, date(2023, 1, 1), date(2024, 1, 1)).unknown == ("FB",)


def test_a_later_alias_does_not_reach_back():
    with pytest.raises(Misconfigured, match="none of the 1"):
        match(["META"], LISTINGS, START, END)


@pytest.mark.parametrize("symbol", ["BRK-B", "brk.b", "BRK/B"])
def test_spellings_of_share_classes_are_one(symbol: str):
    assert "us.brk-b" in match([symbol], LISTINGS, START, END).entities


@pytest.mark.parametrize("symbol", ["600519", "600519.SH", "SH600519", "sh.600519", "600519.ss"])
def test_spellings_of_a_share_codes_are_one(symbol: str):
    found = match([symbol], LISTINGS, START, END)
    assert found.entities == {"cn.600519": symbol}
    assert found.exchanges == {"XSHG"}


def test_the_index_of_the_other_exchange_is_not_the_share():
    assert match(["SH000001", "GOOG"], LISTINGS, START, END).unknown == ("SH000001",)


def test_a_secondary_listing_says_nothing_of_the_calendar():
    found = match(["PTR", "GOOG"], [*LISTINGS, Listing("cn.601857", "PTR", "")], START, END)
    assert found.entities["cn.601857"] == "PTR"
    assert found.exchanges == {"US"}


def test_share_classes_of_one_entity_count_once():
    found = match(["GOOGL", "GOOG"], LISTINGS, START, END)
    assert found.entities == {"us.goog": "GOOG"}
    assert found.doubled == ("GOOGL",)


def test_a_symbol_of_two_entities_is_nobodys():
    twice = [*LISTINGS, Listing("xx.goog", "GOOG", "XLON")]
    assert match(["GOOG", "FB"], twice, START, END).unknown == ("GOOG",)
