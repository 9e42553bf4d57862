"""Planted look-ahead: what was not known yet enters no window's judgement, no entity link and no signal."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from streams.adapters.postgres.signals import openings, spoken
from streams.gazetteer.catalogue import Gazetteer
from streams.gazetteer.matcher import AhoCorasickMatcher
from tests.stored import (
    START,
    Doc,
    close_all,
    closer_of,
    drop_database,
    fresh_database,
    in_order,
    new_run,
    ordinary,
    store,
    supersede,
    surge,
    with_watermarks,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

pytestmark = pytest.mark.integration
AT = START + timedelta(days=3, hours=10)
CUT = START + timedelta(days=4)
KNOWN = in_order([*ordinary(4, 150), *surge(AT, 40, 2)])


@pytest.fixture(scope="module")
def url(postgres_url: str) -> Iterator[str]:
    made = fresh_database(postgres_url)
    yield made
    drop_database(postgres_url, made)


async def alerts(url: str, documents: Sequence[Doc], revised: Sequence[tuple[Doc, Doc]] = ()) -> list[Any]:
    """Openings and peaks, with all their evidence, of what was over before the cut."""
    async with new_run(url) as (database, run):
        await store(database, run, documents)
        for old, new in revised:
            await supersede(database, run, old, new)
        await close_all(closer_of(database, run))
        async with database.transaction() as connection:
            cursor = await connection.execute(
                "SELECT alert_id, severity, opened_at, observed, expected, p_value, share_p_value, documents, evidence"
                " FROM core.alert_episode WHERE run_id = %s AND opened_at <= %s ORDER BY 1",
                (run.run_id, CUT),
            )
            return await cursor.fetchall()


async def test_documents_of_the_future_change_no_judgement_before_them(url: str):
    future = [*surge(CUT + timedelta(hours=3), 60, 6, seed=8), *surge(CUT + timedelta(days=2), 90, 3, seed=9)]
    before = await alerts(url, KNOWN)
    assert len(before) == 1
    assert await alerts(url, in_order([*KNOWN, *future])) == before


async def test_documents_about_the_past_that_come_later_change_no_judgement_of_it(url: str):
    """Their event time lies in the surge and in its baseline; they were known two days after."""
    known = CUT + timedelta(days=2)
    late = [
        replace(doc, key=f"late-{doc.key}", known=known)
        for doc in (*surge(AT, 30, 2, seed=5), *ordinary(3, 60, seed=6, negative=0.5))
    ]
    marker = Doc("marker", known)
    before = await alerts(url, [*KNOWN, *with_watermarks([marker])])
    assert await alerts(url, [*KNOWN, *with_watermarks([marker]), *late]) == before


async def test_revisions_known_later_change_no_judgement_before_them(url: str):
    """The negative stories of the surge are all revised to positive, a day after it was over."""
    known = CUT + timedelta(days=1)
    marker = Doc("marker", known)
    revised = [
        (doc, replace(doc, sentiment="positive", revision=1, known=known))
        for doc in KNOWN
        if doc.key.startswith("s1-")
    ]
    documents = [*KNOWN, *with_watermarks([marker])]
    before = await alerts(url, documents)
    assert await alerts(url, documents, revised) == before


async def test_a_revision_known_at_once_does_change_it(url: str):
    """So that the three tests above could fail."""
    revised = [
        (doc, replace(doc, sentiment="positive", revision=1, known=doc.known))
        for doc in KNOWN
        if doc.key.startswith("s1-")
    ]
    assert await alerts(url, KNOWN, revised) == []


@pytest.mark.parametrize(
    ("text", "at", "owner"),
    [
        ("$META jumps", datetime(2014, 2, 1, tzinfo=UTC), None),
        ("$META jumps", datetime(2023, 2, 1, tzinfo=UTC), "us.meta"),
        ("$FB jumps", datetime(2014, 2, 1, tzinfo=UTC), "us.meta"),
        ("$FB jumps", datetime(2023, 2, 1, tzinfo=UTC), None),
    ],
)
def test_a_ticker_is_linked_as_of_the_event_time(text: str, at: datetime, owner: str | None):
    found = AhoCorasickMatcher(Gazetteer.load()).find("", text, [], at)
    assert ("us.meta" in {mention.entity_id for mention in found}) == (owner == "us.meta")


async def test_a_signal_and_an_alert_are_told_no_earlier_than_they_were_known(url: str):
    async with new_run(url) as (database, run):
        await store(database, run, KNOWN)
        await close_all(closer_of(database, run))
        said = await spoken(database, run.name, ["us.c1"])
        opened = await openings(database, run.name)
    by_id = {doc.document_id: doc for doc in KNOWN}
    assert said
    assert all(row.known_at >= by_id[row.document_id].at for row in said)
    assert all(opening.known_at >= opening.opened_at for opening in opened)
