import hashlib
import hmac

import pytest

from streams.adapters.postgres.rows import (
    DOCUMENT_COLUMNS,
    MENTION_COLUMNS,
    companies,
    decimal,
)
from streams.domain.document import Probabilities, SourceClass
from streams.domain.pseudonym import repost_origin
from tests.builders import NOON, document, enriched, mention, minutes, scored
from tests.databases import row_maker


def post(**changes):
    return document(**{"source_class": SourceClass.SOCIAL, "title": ""} | changes)


def source_key(item) -> str:
    return row_maker().source_key(scored(item))


def test_the_key_of_an_author_is_an_hmac_of_the_handle_within_its_source():
    expected = hmac.new(b"secret", b"wire\x1fbob", hashlib.sha256).digest()
    assert row_maker().author_key(document(author="Bob")) == expected
    assert row_maker().author_key(document(author="BOB")) == expected
    assert row_maker().author_key(document(author="Bob", source="other")) != expected
    assert row_maker(secret=b"another").author_key(document(author="Bob")) != expected
    assert row_maker().author_key(document()) is None


def test_news_counts_by_publisher_else_by_source():
    assert source_key(document(publisher="Reuters", author="Bob")) == "publisher:Reuters"
    assert source_key(document()) == "publisher:wire"


def test_posts_count_by_author_else_by_origin_else_by_text():
    by_author = source_key(post(author="Bob", content="RT @ann: sell"))
    assert by_author == f"author:{row_maker().author_key(post(author='Bob')).hex()[:16]}"
    item = post(content="RT @Ann: sell")
    built = scored(item)
    assert repost_origin("RT @Ann: sell") == "ann"
    assert repost_origin("RT me please @ann") == ""
    one, copy = source_key(post(content="sell")), source_key(post(source_id="2", content="sell"))
    assert one == copy
    assert one.startswith("text:")
    assert row_maker().source_key(built).startswith(("repost:", "text:"))


def test_no_handle_is_in_any_row():
    item = scored(post(author="very_unusual_handle", content="sell"))
    assert "very_unusual_handle" not in repr(row_maker().document(item))


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0.0000"), (1, "0.0001"), (9_999, "0.9999"), (10_000, "1.0000"), (3_333, "0.3333")],
)
def test_probabilities_are_exact_decimals(value: int, text: str):
    assert decimal(value) == text


def test_every_ten_thousandth_is_exact():
    assert all(
        round(float(decimal(value)) * 10_000) == value and len(decimal(value)) == 6 for value in range(10_001)
    )


def test_a_document_row_has_a_value_for_each_column():
    row = dict(zip(DOCUMENT_COLUMNS, row_maker(7).document(scored(known=NOON + minutes(20))), strict=True))
    assert (row["run_id"], row["topic_confidence"], row["companies"]) == (7, "0.8000", 0)
    assert row["known_pane"] == NOON + minutes(15)
    assert (row["author_key"], row["author_key_version"]) == (None, None)


def test_a_mention_row_says_the_largest_class_and_its_probability():
    item = scored(entities=("x.acme",))
    row = dict(
        zip(
            MENTION_COLUMNS,
            row_maker().mention(item, mention("x.acme", Probabilities((1_000, 200, 8_800)))),
            strict=True,
        )
    )
    assert (row["sentiment_class"], row["confidence"], row["p_neg"]) == ("positive", "0.8800", "0.1000")
    assert (row["entity_id"], row["companies"]) == ("x.acme", 1)


def test_market_is_no_company():
    assert companies(scored()) == 0
    assert companies(scored(entities=("x.acme", "x.bolt"))) == 2


def test_the_first_of_a_tie_wins():
    assert Probabilities((5_000, 5_000, 0)).top == 0


def test_an_enriched_document_is_built_with_a_text():
    assert enriched().text == "Acme warns\nAcme sees less."


def test_the_class_of_a_source_is_content_so_that_arrival_decides_nothing():
    as_news, as_post = document(), document(source_class=SourceClass.SOCIAL)
    assert as_news.document_id == as_post.document_id
    assert as_news.version != as_post.version
