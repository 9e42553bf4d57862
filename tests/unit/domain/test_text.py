from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.domain.text import (
    blank_urls,
    han_share,
    language_by_script,
    normalise,
    signature_text,
    text_hash,
    without_urls,
)


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("  Apple\t\n fell ", "Apple fell"),
        ("AT&amp;T &gt; &quot;X&quot;", 'AT&T > "X"'),
        ("S&amp;amp;P", "S&P"),
        ("京东方Ａ(０００７２５)", "京东方A(000725)"),
        ("zero\u200bwidth\ufeff \x00null\ud800", "zerowidth null"),
        ("a\u3000b\u00a0c", "a b c"),
        ("", ""),
    ],
)
def test_normalised_form(raw, clean):
    assert normalise(raw) == clean


@given(st.text())
def test_normalising_twice_changes_nothing(text):
    once = normalise(text)
    assert normalise(once) == once
    once.encode("utf-8")


def test_hash_is_sixteen_bytes_and_tells_texts_apart():
    assert len(text_hash("Apple fell")) == 16
    assert text_hash("Apple fell") != text_hash("Apple rose")
    assert text_hash("Apple fell").hex() == "8514b45727f6b4da5781c51855e901a6"


def test_addresses_are_removed_whole_or_cut_off():
    assert without_urls("see http://t.co/abc now https://…").split() == ["see", "now"]
    assert without_urls("详见https://x.cn/a。谢谢").endswith("。谢谢")


def test_blanking_addresses_keeps_offsets():
    text = "see http://t.co/abc now"
    assert blank_urls(text).index("now") == text.index("now")


@pytest.mark.parametrize(
    "copy",
    [
        "RT @desk: Acme recalls 2,000 cars over brakes",
        "RT @a: RT @b: Acme recalls 2,000 cars over brakes",
        "BREAKING: Acme recalls 2,000 cars over brakes http://t.co/x",
        "Acme recalls 2,000 cars over brakes #cars #recall",
        "UPDATE 1 - Acme recalls 2,000 cars over brakes via @desk",
    ],
)
def test_packaging_is_no_part_of_a_story(copy):
    assert signature_text("", copy) == "acme recalls 2,000 cars over brakes"


def test_dateline_and_named_source_are_packaging():
    assert signature_text("", "财联社6月1日电,某公司召回汽车。(央视新闻)") == "某公司召回汽车。"


def test_cashtag_tells_templates_apart():
    assert signature_text("", "Options alert $AAA") != signature_text("", "Options alert $BBB")


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("英伟达NVIDIA GTC大会发布Blackwell Ultra", "zh"),
        ("トヨタ自動車は米国で値上げ", "ja"),
        ("삼성전자 주가 상승", "ko"),
        ("Акции упали", "other"),
        ("Apple fell", None),
        ("“Apple” fell…", None),
        ("12345 …", None),
    ],
)
def test_script_decides_where_it_can(text, language):
    assert language_by_script(text) == language


def test_han_share_of_letters():
    assert han_share("苹果ab") == 0.5
    assert han_share("123") == 0.0
