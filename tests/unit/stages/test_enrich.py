import pytest

from streams.adapters.memory.texts import MemoryLanguages, MemoryMatcher, MemorySigner
from streams.domain.text import text_hash
from streams.stages.enrich import MODEL_CHARS, Enricher, model_text
from tests.builders import NOON, document, raw_record

ENRICHER = Enricher(MemoryMatcher({"Acme": "x.acme"}), MemorySigner(), MemoryLanguages())


@pytest.mark.parametrize(
    ("title", "content", "text"),
    [
        ("Acme warns", "Acme sees less.", "Acme warns\nAcme sees less."),
        ("", "Acme sees less.", "Acme sees less."),
        ("Acme warns", "", "Acme warns"),
        ("Acme预警", "【Acme预警】今日公告。", "【Acme预警】今日公告。"),
        ("", "", ""),
    ],
)
def test_headline_and_body_are_one_text_and_a_repeated_headline_is_not_read_twice(title, content, text):
    assert model_text(title, content) == text


def test_the_models_read_no_more_than_they_can():
    assert len(model_text("Acme warns", "word " * 10_000)) <= MODEL_CHARS


def test_a_document_gets_language_mentions_signature_and_the_hash_of_what_the_models_read():
    item = ENRICHER.enrich(document(), raw_record(5), NOON, NOON)
    assert item.language == "en"
    assert [mention.entity_id for mention in item.mentions] == ["x.acme"]
    assert item.signature == MemorySigner().sign("Acme warns", "Acme sees less.")
    assert item.text_hash == text_hash(item.text)
    assert (item.known_watermark, item.record.offset) == (NOON, 5)


def test_a_withdrawn_document_has_no_mentions():
    assert ENRICHER.enrich(document(deleted=True), raw_record(), None, NOON).mentions == ()


def test_ticker_hints_reach_the_matcher():
    item = ENRICHER.enrich(
        document(title="It warns", content="of less", tickers=("Acme",)), raw_record(), None, NOON
    )
    assert [mention.entity_id for mention in item.mentions] == ["x.acme"]
