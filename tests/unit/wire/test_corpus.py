"""Nasty inputs, one a file of `tests/corpus`: the name says what must become of it (`reason__what.ext`)."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from streams.domain.document import RawRecord, SourceClass, SourcePartition
from streams.domain.outcome import Keep
from streams.stages.read_record import read_record
from streams.wire.limits import InputLimits

CORPUS = sorted((Path(__file__).parents[2] / "corpus").iterdir())
AT = datetime(2026, 6, 1, 12, tzinfo=UTC)


def outcome_of(value, *headers):
    record = RawRecord(SourcePartition("news.raw.v1", 0), 0, AT, b"key", value, headers)
    return read_record(record, SourceClass.NEWS, InputLimits())


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_a_nasty_input_is_a_document_or_a_reject_with_its_reason(path):
    outcome = outcome_of(path.read_bytes())
    told = "document" if isinstance(outcome, Keep) else outcome.reason.value
    assert told == path.name.partition("__")[0], outcome


def test_bidirectional_and_control_characters_do_not_reach_the_text():
    for name in ("bidi_and_zero_width", "control_escapes", "terminal_and_html"):
        outcome = outcome_of(next(path for path in CORPUS if path.stem.endswith(name)).read_bytes())
        assert isinstance(outcome, Keep)
        assert all(character.isprintable() for character in outcome.value.title + outcome.value.content)


def test_lookalikes_and_orders_to_a_model_are_text_like_any_other():
    spam = outcome_of(next(path for path in CORPUS if path.stem.endswith("lookalikes")).read_bytes())
    prompt = outcome_of(next(path for path in CORPUS if path.stem.endswith("prompt")).read_bytes())
    assert isinstance(spam, Keep)
    assert isinstance(prompt, Keep)
    assert "\u0410\u0441me" in spam.value.title  # not folded into Latin letters: another word than Acme
    assert prompt.value.title.startswith("Ignore previous instructions")


def test_a_record_beyond_the_limit_is_not_parsed():
    outcome = outcome_of(b"[" * (InputLimits().record_bytes + 1))
    assert outcome.reason.value == "record_too_large"


@pytest.mark.parametrize(
    "value",
    [
        b"<a>" * 600_000,
        b"<item>" + b"<b/>" * 900_000 + b"</item>",
        b"<item a='" + b"x" * 3_000_000 + b"'/>",
        b'{"uri":"x","body_html":"' + b"<script" * 500_000 + b'"}',
        b'{"a":' * 700_000,
        b'{"version":"document.v1","content":"' + b"&amp;" * 700_000 + b'"}',
        b"20260601093000-1\t" * 200_000,
    ],
    ids=["deep XML", "wide XML", "long attribute", "open scripts", "deep JSON", "references", "columns"],
)
def test_megabytes_of_a_bomb_are_one_reject(value):
    assert not isinstance(outcome_of(value), Keep)
