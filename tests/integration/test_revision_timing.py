"""What a revision does to the tables does not depend on whether its predecessor's pane had closed when it was stored."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from streams.adapters.postgres.results import fingerprint
from tests.stored import (
    START,
    Doc,
    close_all,
    closer_of,
    drop_database,
    fresh_database,
    in_order,
    new_run,
    register,
    store,
    supersede,
)

pytestmark = pytest.mark.integration
HOUR = timedelta(hours=1)
TICKS = [
    Doc(f"tick-{n}", START + timedelta(minutes=10 * n), ("us.c1",), story=f"s{n % 9}") for n in range(40)
]
FIRST = Doc("first", START + timedelta(minutes=1), ("us.c1",), "negative", story="one")
COPY = Doc("copy", START + timedelta(minutes=31), ("us.c1",), "negative", story="one")
DOCUMENTS = in_order([*TICKS, FIRST, COPY])
REVISED_AT = START + 2 * HOUR


def revised(doc: Doc, **changes: object) -> Doc:
    """Known at two o'clock, when the watermark stood there."""
    return replace(doc, revision=1, known=REVISED_AT, seen=REVISED_AT, **changes)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def database_url(postgres_url):
    url = fresh_database(postgres_url)
    yield url
    drop_database(postgres_url, url)


async def tables(url, new, *, look_first):
    """Tables of a run in which the leader is revised, with a closer that looks before the revision or only at the end."""
    async with new_run(url) as (database, run):
        await register(database, run, [("news", 0)])
        await store(database, run, [doc for doc in DOCUMENTS if doc.at <= REVISED_AT])
        if look_first:
            await close_all(closer_of(database, run), end_of_input=False)
        await supersede(database, run, next(doc for doc in DOCUMENTS if doc.key == "first"), new)
        if look_first:
            await close_all(closer_of(database, run), end_of_input=False)
        await store(database, run, [doc for doc in DOCUMENTS if doc.at > REVISED_AT])
        await close_all(closer_of(database, run), end_of_input=True)
        return (await fingerprint(database, run.name)).tables


@pytest.mark.parametrize(
    "changes",
    [
        {"sentiment": "positive"},
        {"story": "other"},
        {"story": "s3"},
        {"entities": ()},
        {"at": START + timedelta(minutes=75)},
        {"at": START + timedelta(minutes=75), "story": "other", "entities": ("us.c2",)},
    ],
    ids=["read otherwise", "text of its own", "text of another story", "no company", "moved", "all at once"],
)
async def test_a_revision_before_and_after_the_close_leaves_the_same_tables(database_url, changes):
    new = revised(next(doc for doc in DOCUMENTS if doc.key == "first"), **changes)
    assert await tables(database_url, new, look_first=True) == await tables(
        database_url, new, look_first=False
    )
