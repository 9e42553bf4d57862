from __future__ import annotations

import pytest

from streams.adapters.postgres.rows import RowMaker
from streams.domain.pseudonym import AuthorKey, KeyRing, plain, repost_origin
from tests.builders import LATENESS, NOON, document, minutes, scored

OLD, NEW = AuthorKey(1, b"old"), AuthorKey(2, b"new", NOON)
RING = KeyRing.of([NEW, OLD])


def author_row(ring: KeyRing, at):
    maker = RowMaker(1, ring, LATENESS)
    return maker.author_key(document(author="bob", event_time=at))


def test_a_key_is_used_for_event_times_from_its_beginning_on():
    assert RING.at(NOON - minutes(1)) is OLD
    assert RING.at(NOON) is NEW
    assert KeyRing.of([NEW]).at(NOON - minutes(1)) is NEW


def test_a_rotation_changes_no_pseudonym_of_what_was_published_before_it():
    before = NOON - minutes(1)
    assert author_row(KeyRing.of([OLD]), before) == author_row(RING, before)
    assert author_row(KeyRing.of([OLD]), NOON) != author_row(RING, NOON)


def test_new_documents_carry_the_version_of_the_newest_key():
    maker = RowMaker(1, RING, LATENESS)
    for at, version in ((NOON - minutes(1), 1), (NOON, 2)):
        assert version in maker.document(scored(document(author="bob", event_time=at)))


def test_a_handle_is_found_under_every_key():
    assert set(RING.every("wire", "@Bob").values()) == {1, 2}
    assert RING.every("wire", "@Bob") == RING.every("wire", "bob")
    assert set(RING.every("wire", "bob")).isdisjoint(RING.every("other", "bob"))


@pytest.mark.parametrize("keys", [[], [OLD, AuthorKey(1, b"x", NOON)], [OLD, AuthorKey(2, b"x")]])
def test_keys_that_cannot_be_told_apart_are_refused(keys):
    with pytest.raises(ValueError, match="key"):
        KeyRing.of(keys)


def test_no_key_shows_its_secret():
    assert "new" not in repr(RING)
    assert "old" not in str(RING)


def test_the_check_tells_two_keys_apart_and_is_no_pseudonym():
    assert OLD.check != NEW.check
    assert OLD.check == AuthorKey(7, b"old", NOON).check


def test_a_handle_is_the_same_with_and_without_its_sign():
    assert plain(" @Bob ") == plain("bob") == "bob"
    assert repost_origin("RT @Ann: sell") == "ann"
