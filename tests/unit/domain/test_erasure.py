from __future__ import annotations

import json

import pytest

from streams.domain.document import SourceClass
from streams.domain.erasure import ERASED, Ledger, needles_of, scrubbed
from streams.domain.pseudonym import ANY_SOURCE, AuthorKey, KeyRing
from streams.pipeline import Pipeline
from tests.builders import NEWS, batch, dead_letter, document, new_score, news, pipeline, scored

RING = KeyRing.of([AuthorKey(1, b"secret")])


def ledger(**parts) -> Ledger:
    return Ledger(RING, version=1, **{name: frozenset(items) for name, items in parts.items()})


def pseudonyms(handle: str, source: str = ANY_SOURCE):
    return RING.every(source, handle)


def post(**changes):
    return document(**{"source_class": SourceClass.SOCIAL, "title": "", "author": "ann"} | changes)


def test_an_empty_ledger_covers_nothing_and_leaves_a_batch_alone():
    full = batch(0, scored())
    assert Ledger(RING).without_erased(full) is full


def test_a_document_is_covered_in_all_its_versions():
    found = ledger(documents=[document().document_id])
    assert found.covers(document(revision=3, title="other"))
    assert not found.covers(document(source_id="doc-1"))


@pytest.mark.parametrize("handle", ["ann", "@Ann", "ANN"])
def test_an_author_is_covered_however_the_handle_is_written(handle):
    assert ledger(authors=pseudonyms(handle)).covers(post())
    assert ledger(authors=pseudonyms("ann")).covers(post(author=handle))


def test_an_author_of_one_source_is_not_the_one_of_another():
    found = ledger(authors=pseudonyms("ann", "wire"))
    assert found.covers(post())
    assert not found.covers(post(source="other"))


def test_what_repeats_an_erased_author_is_covered_too():
    found = ledger(authors=pseudonyms("ann"))
    assert found.covers(post(author="bob", content="RT @ann: sell"))
    assert not found.covers(post(author="bob", content="ann says: sell"))


def test_an_erased_document_leaves_its_batch_with_its_scores_only():
    kept, gone = scored(document(source_id="kept", title="kept")), scored()
    answers = tuple(new_score(item.enriched.text) for item in (kept, gone))
    left = ledger(documents=[document().document_id]).without_erased(batch(0, kept, gone, scores=answers))
    assert left.documents == (kept,)
    assert left.scores == answers[:1]
    assert left.moves == batch(0, kept, gone).moves


@pytest.mark.parametrize(
    "found",
    [
        ledger(records=[(NEWS, 0)]),
        ledger(authors=pseudonyms("ann")),
        ledger(documents=[document().document_id]),
    ],
)
def test_a_dead_letter_that_is_covered_keeps_its_place_and_loses_its_bytes(found):
    value = json.dumps({"id": "doc-0", "source": "wire", "author": "ann"}).encode()
    (letter,) = found.without_erased(batch(0, dead_letters=(dead_letter(0, value),))).dead_letters
    assert (letter.record.value, letter.record.key, letter.record.offset) == (b"", None, 0)


@pytest.mark.parametrize(
    "value", [b"", b"\xff", b"[" * 5_000, b"[1]", b'{"source": {}, "id": [], "author": null}']
)
def test_bytes_that_cannot_be_read_are_not_covered_and_raise_nothing(value):
    assert not ledger(authors=pseudonyms("ann")).covers_payload(value)


def test_no_model_sees_an_erased_document_and_it_still_moves_the_watermark():
    from streams.domain.watermark import PartitionClock

    class Everything:
        def covers(self, _document):
            return True

    plain = pipeline()
    reading = Pipeline(plain.limits, plain.enricher, plain.scoring, Everything())
    results = []
    for each in (plain, reading):
        from streams.domain.document import Progress
        from tests.builders import LATENESS

        clock = PartitionClock.at(Progress(0, None), NEWS, SourceClass.NEWS, LATENESS[SourceClass.NEWS])
        results.append(each.read([news(0), news(1)], {NEWS: clock}))
    assert len(results[0].documents) == 2
    assert results[1].documents == ()
    assert results[0].moves == results[1].moves


def test_texts_are_blanked_wherever_they_stand_in_a_json_value():
    value = {"top": [{"title": "Acme warns of less", "p": 0.9}], "sql": "SELECT 1"}
    assert scrubbed(value, needles_of({"Acme warns", "no", ""})) == {
        "top": [{"title": ERASED, "p": 0.9}],
        "sql": "SELECT 1",
    }
