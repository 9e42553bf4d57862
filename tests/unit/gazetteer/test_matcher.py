"""What the shipped gazetteer finds in a text, and what it leaves alone."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from streams.domain.entity import EntityMention, MatchMethod
from streams.gazetteer.catalogue import Gazetteer
from streams.gazetteer.matcher import AhoCorasickMatcher

IN_2015 = datetime(2015, 6, 1, tzinfo=UTC)
IN_2026 = datetime(2026, 6, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def matcher() -> AhoCorasickMatcher:
    return AhoCorasickMatcher(Gazetteer.load())


def ids(found: tuple[EntityMention, ...]) -> list[str]:
    return [mention.entity_id for mention in found]


def body(matcher, text, hints=(), at=IN_2026):
    return ids(matcher.find("", text, hints, at))


@pytest.mark.parametrize(
    ("cashtag", "at", "owner"),
    [
        ("$FB", datetime(2022, 6, 8, 23, 59, tzinfo=UTC), ["us.meta"]),
        ("$FB", datetime(2022, 6, 9, tzinfo=UTC), []),
        ("$META", datetime(2022, 6, 8, tzinfo=UTC), []),
        ("$META", datetime(2022, 6, 9, tzinfo=UTC), ["us.meta"]),
        ("$PCLN", IN_2015, ["us.bkng"]),
        ("$PCLN", IN_2026, []),
        ("$UTX", IN_2015, ["us.rtx"]),
        ("$BRK-A", IN_2015, ["us.brk-b"]),
        ("$RDS.B", IN_2015, ["us.shel"]),
        ("$ACT", datetime(2015, 1, 1, tzinfo=UTC), ["us.agn"]),
        ("$chl", IN_2015, ["cn.600941"]),
    ],
)
def test_cashtag_belongs_to_whoever_had_it_on_the_day(matcher, cashtag, at, owner):
    assert body(matcher, f"up today: {cashtag}!", at=at) == owner


def test_validity_is_judged_in_utc(matcher):
    before = datetime.fromisoformat("2022-06-09T01:00:00+08:00")
    assert body(matcher, "$FB", at=before) == ["us.meta"]


@pytest.mark.parametrize(
    "text", ["IT is ON, ALL of it", "A big NOW or KEY LOW", "ALL IN ON A.I.", "FAST TECH"]
)
def test_tickers_that_are_words_need_a_cashtag(matcher, text):
    assert body(matcher, text) == []


@pytest.mark.parametrize(
    ("text", "owner"),
    [("$ALL", "us.all"), ("$IT", "us.it"), ("$A", "us.a"), ("NYSE: ALL", "us.all"), ("(ON.O)", "us.on")],
)
def test_tickers_that_are_words_count_as_cashtags_and_with_their_exchange(matcher, text, owner):
    assert body(matcher, f"buy {text} now") == [owner]


def test_ticker_that_is_a_word_counts_as_a_hint(matcher):
    (mention,) = matcher.find("", "numbers were good", ["IT"], IN_2026)
    assert (mention.entity_id, mention.method, mention.count) == ("us.it", MatchMethod.HINT, 0)
    assert mention.first_offset == len("numbers were good")
    assert mention.surface == "Gartner"


def test_long_ticker_counts_without_a_cashtag(matcher):
    assert body(matcher, "AAPL and MSFT up, aapl down") == ["us.aapl", "us.msft"]


@pytest.mark.parametrize("text", ["10 $m", "U$D 5", "DO$T", "BE$$T", "$TSLAQ", "$$$", "cost $5"])
def test_dollar_signs_that_are_no_cashtags(matcher, text):
    assert body(matcher, text) == []


@pytest.mark.parametrize(
    ("text", "hint"),
    [("Venezuela U$D 80 millones", "D"), ("MY PLAYLI$T", "T"), ("HIT ME WITH YOUR BE$$T $HOT", "T")],
)
def test_hint_that_the_text_refutes_is_no_mention(matcher, text, hint):
    assert body(matcher, text, [hint]) == []


@pytest.mark.parametrize(
    "text", ["Pineapple", "Metaphor", "Appleby", "Intelligence", "apple pie", "@Tesla", "9.3M"]
)
def test_latin_names_end_at_word_boundaries(matcher, text):
    assert body(matcher, f"the {text} case") == []


@pytest.mark.parametrize("text", ["Apple's", "(Apple)", "苹果Apple发布", "APPLE", "#Apple", "Apple-owned"])
def test_latin_names_next_to_anything_but_a_word(matcher, text):
    assert body(matcher, f" {text} ") == ["us.aapl"]


def test_typographic_apostrophe_is_an_apostrophe(matcher):
    assert body(matcher, "McDonald\u2019s and Lowe\u2019s") == ["us.mcd", "us.low"]


def test_address_names_nobody(matcher):
    assert body(matcher, "read https://t.co/AAPL and www.tesla.com/x") == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("比亚迪电子大涨", ["hk.00285"]),
        ("京东方A中标", ["cn.000725"]),
        ("京东物流提价", ["cn.jd-logistics"]),
        ("海思科获批", ["cn.002653"]),
        ("Bank of America and Bank of China", ["us.bac", "cn.601988"]),
        ("First Solar rose", ["us.fslr"]),
    ],
)
def test_longest_name_wins(matcher, text, expected):
    assert body(matcher, text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "中国银行业整体稳健",
        "上海银行间同业拆放利率",
        "推高通胀压力",
        "大力拓展市场",
        "同花顺iFinD数据显示",
        "我国航空公司",
    ],
)
def test_phrases_that_only_contain_a_name(matcher, text):
    assert body(matcher, text) == []


@pytest.mark.parametrize(
    "text", ["机器人行业加速", "太阳能发电", "据新华网报道", "人民网评论", "港交所提交申请"]
)
def test_chinese_names_that_are_words_need_more_evidence(matcher, text):
    assert body(matcher, text) == []


@pytest.mark.parametrize(
    ("text", "hints"), [("机器人(300024)涨停", ()), ("机器人涨停", ("300024.SZ",)), ("机器人300024", ())]
)
def test_chinese_names_that_are_words_count_with_their_code(matcher, text, hints):
    (mention,) = matcher.find("", text, hints, IN_2026)
    assert (mention.entity_id, mention.surface, mention.count) == ("cn.300024", "机器人", 1)


@pytest.mark.parametrize(
    "code",
    [
        "sh600519",
        "SH600519",
        "600519.SH",
        "600519.sh",
        "SH:600519",
        "(600519)",
        "证券代码:600519",
        "600519.SS",
    ],
)
def test_a_share_code_forms(matcher, code):
    assert body(matcher, f"今日 {code} 下跌") == ["cn.600519"]


@pytest.mark.parametrize(
    "text", ["成交600519元", "600519", "净利润1.600519亿", "600519.5", "SZ600519", "sh000001"]
)
def test_six_digits_that_are_no_code(matcher, text):
    assert body(matcher, text) == []


@pytest.mark.parametrize("code", ["0700.HK", "00700.HK", "HK0700", "HK00700", "(00700)"])
def test_hong_kong_code_forms(matcher, code):
    assert body(matcher, f"今日 {code} 下跌") == ["cn.tencent"]


def test_name_and_its_code_are_one_mention(matcher):
    (mention,) = matcher.find("", "贵州茅台(600519.SH)下跌", (), IN_2026)
    assert (mention.count, mention.surface, mention.method) == (1, "贵州茅台", MatchMethod.NAME)


@pytest.mark.parametrize(
    ("hint", "owner"),
    [
        ("AAPL.US", "us.aapl"), ("$aapl", "us.aapl"), ("sz000725", "cn.000725"), ("000725", "cn.000725"),
        ("00700", "cn.tencent"), ("HK9988", "cn.baba"), ("TSM", "us.tsm"), ("920725.BJ", "cn.920725"),
    ],
)  # fmt: skip
def test_hint_forms(matcher, hint, owner):
    assert body(matcher, "无公司名", [hint]) == [owner]


@pytest.mark.parametrize("hint", ["BK0800", "sz399006", "sh000001", "161027", "", "au9999", "FB"])
def test_hint_that_means_no_company_today(matcher, hint):
    assert body(matcher, "无公司名", [hint]) == []


def test_order_is_by_offset_then_id(matcher):
    found = matcher.find("Tesla beats Apple", "Microsoft, Apple", ["NVDA", "AMD"], IN_2026)
    assert ids(found) == ["us.tsla", "us.aapl", "us.msft", "us.amd", "us.nvda"]
    assert [mention.count for mention in found] == [1, 2, 1, 0, 0]
    assert [mention.in_title for mention in found] == [True, True, False, False, False]


def test_offset_counts_into_title_newline_body(matcher):
    title, text = "Markets", "Shares of Apple fell"
    (mention,) = matcher.find(title, text, (), IN_2026)
    assert f"{title}\n{text}"[mention.first_offset :].startswith(mention.surface)


def test_name_is_preferred_to_a_cashtag_as_the_models_target(matcher):
    (mention,) = matcher.find("", "$AAPL: Apple falls", (), IN_2026)
    assert (mention.surface, mention.first_offset, mention.method) == ("Apple", 0, MatchMethod.NAME)


def test_broker_quoted_as_author_is_hardly_relevant(matcher):
    broker, company = matcher.find(
        "中信证券:看好宁德时代", "中信证券研报认为,宁德时代竞争力突出。", (), IN_2026
    )
    assert broker.relevance <= 20 < company.relevance


def test_broker_that_is_written_about_keeps_its_relevance(matcher):
    (broker,) = matcher.find("中信证券遭立案调查", "中信证券公告,收到立案告知书。", (), IN_2026)
    assert broker.relevance == 100


def test_text_without_a_company_has_no_mention(matcher):
    assert matcher.find("", "", (), IN_2026) == ()
    assert body(matcher, "央行今日公开市场净回笼1776亿元") == []


def test_megabyte_of_text_is_searched(matcher):
    found = matcher.find("", "x" * 1_000_000 + " Apple", (), IN_2026)
    assert ids(found) == ["us.aapl"]
