"""Array literals: what psycopg's own reader of arrays makes of them is what was meant."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg.adapt import Transformer
from psycopg.pq import Format
from psycopg.types.array import ArrayLoader  # noqa: F401 - registers the text loader that reads the literals back

from streams.adapters.postgres import arrays

TEXT_ARRAY = 1009


def read(literal: str) -> list[str]:
    loader = Transformer().get_loader(TEXT_ARRAY, Format.TEXT)
    return loader.load(literal.encode())


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\x00"))))
def test_texts_come_back_whatever_they_hold(values: list[str]):
    assert read(arrays.texts(values)) == values


@given(st.lists(st.binary()))
def test_bytes_come_back(values: list[bytes]):
    assert [bytes.fromhex(text.removeprefix("\\x")) for text in read(arrays.binaries(values))] == values


def test_nothing_is_an_empty_array():
    for write in (arrays.texts, arrays.plain, arrays.binaries, arrays.times):
        assert write([]) == "{}"


@pytest.mark.parametrize("word", ["NULL", "null", "", " ", "{", "}", ",", '"', "\\", 'a"b\\c'])
def test_what_means_something_to_postgres_is_only_text(word: str):
    assert read(arrays.texts([word, "x"])) == [word, "x"]


def test_times_carry_their_offset():
    at = datetime(2026, 3, 2, 12, 0, 0, 5, tzinfo=UTC)
    shifted = at.astimezone(timezone(timedelta(hours=8)))
    assert [datetime.fromisoformat(text) for text in read(arrays.times([at, shifted]))] == [at, at]
