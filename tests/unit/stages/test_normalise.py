from datetime import UTC, datetime

import pytest

from streams.domain.document import Document, RawRecord, SourceClass, SourcePartition
from streams.domain.outcome import Keep, Reason, Reject
from streams.stages.normalise import normalise, primary_language
from streams.stages.read_record import read_record
from streams.wire.limits import InputLimits

TIMESTAMP = datetime(2026, 6, 1, 12, tzinfo=UTC)
LIMITS = InputLimits()


def document(**changes):
    fields = {
        "source": "wire",
        "source_id": "17",
        "source_class": SourceClass.NEWS,
        "event_time": TIMESTAMP,
        "source_time": TIMESTAMP,
        "title": "Acme",
    }
    return Document(**fields | changes)


def kept(*args, **kwargs):
    outcome = normalise(document(*args, **kwargs), LIMITS)
    assert isinstance(outcome, Keep), outcome
    return outcome.value


def test_title_and_content_take_the_one_stored_form():
    result = kept(title="  Ａｃｍｅ\u200b  warns", content="AT&amp;T\n\nfalls")
    assert (result.title, result.content) == ("Acme warns", "AT&T falls")


def test_it_is_idempotent():
    once = kept(title="Ａ &amp;amp; B", url=" https://a.example/ x ", language="zh-Hans", author=" @Bob ")
    assert normalise(once, LIMITS) == Keep(once)


def test_ids_are_left_alone():
    assert kept(source_id=" Ａ ").source_id == " Ａ "


@pytest.mark.parametrize("text", ["\u200b", "\ufeff\u2060", "&#8203;"])
def test_text_of_invisible_characters_is_empty(text):
    outcome = normalise(document(title=text), LIMITS)
    assert isinstance(outcome, Reject)
    assert outcome.reason is Reason.EMPTY_TEXT


def test_text_that_grows_past_the_limit_is_too_long():
    grows = "\ufdfa" * 10  # one ligature unfolds into eighteen characters
    outcome = normalise(document(title=grows), InputLimits(text_chars=100))
    assert isinstance(outcome, Reject)
    assert outcome.reason is Reason.TEXT_TOO_LONG


@pytest.mark.parametrize(
    ("tag", "primary"), [("zh-CN", "zh"), ("EN_us", "en"), ("und", ""), ("", ""), (" ", "")]
)
def test_languages_are_their_primary_subtag(tag, primary):
    assert primary_language(tag) == primary


def test_a_record_goes_all_the_way():
    value = b'{"version":"document.v1","id":"1","source":"s","event_time":1780315200,"title":"A &amp; B"}'
    raw = RawRecord(SourcePartition("social.raw.v1", 0), 0, TIMESTAMP, None, value)
    outcome = read_record(raw, SourceClass.SOCIAL, LIMITS)
    assert isinstance(outcome, Keep)
    assert outcome.value.title == "A & B"
    assert outcome.value.source_class is SourceClass.SOCIAL
