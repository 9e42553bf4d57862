"""The final tables do not depend on how documents and panes were split over batches, steps and closers."""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import replace
from datetime import timedelta
from random import Random

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

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
    ordinary,
    register,
    store,
    surge,
)

pytestmark = [pytest.mark.integration, pytest.mark.slow]
AT = START + timedelta(days=3, hours=11)


def week() -> list[Doc]:
    """Calm, two surges of which one is a market topic, an echo, and stragglers up to a day late."""
    echo = [
        Doc(f"e{n}", AT + timedelta(minutes=n), ("us.c2",), "negative", f"w{n}", "echo") for n in range(30)
    ]
    topic = surge(AT + timedelta(hours=5), 30, 1.5, "", seed=3, topic="macro")
    ordered = in_order([*ordinary(5, 90), *surge(AT, 40, 2), *echo, *topic])
    late = []
    for number, doc in enumerate(ordered):
        behind = timedelta(minutes=7 * number % 1400)
        late.append(
            doc if number % 17 else replace(doc, at=max(START, doc.at - behind), known=doc.known or doc.at)
        )
    return late


DOCUMENTS = week()
PLACES = sorted({(doc.source_class, doc.partition) for doc in DOCUMENTS})


@pytest.fixture(scope="module")
def database_url(postgres_url):
    url = fresh_database(postgres_url)
    yield url
    drop_database(postgres_url, url)


def interleaved(seed: int | None) -> list[Doc]:
    """The documents, each partition in its own order, the partitions mixed anyhow: some run far ahead of others."""
    if seed is None:
        return DOCUMENTS
    rng = Random(seed)
    queues = [[doc for doc in DOCUMENTS if (doc.source_class, doc.partition) == place] for place in PLACES]
    mixed = []
    while any(queues):
        queue = rng.choice([queue for queue in queues if queue])
        taken = rng.randint(1, 200)
        mixed += queue[:taken]
        del queue[:taken]
    return mixed


async def digests(url: str, cuts: list[int], max_panes: int, seed: int | None) -> dict[str, str]:
    """Tables of a run whose documents came in these slices, with a new closer (a restarted worker) after each."""
    documents = interleaved(seed)
    async with new_run(url) as (database, run):
        await register(database, run, PLACES)
        edges = [0, *sorted(cuts), len(DOCUMENTS)]
        for low, high in itertools.pairwise(edges):
            if low < high:
                await store(database, run, documents[low:high])
            await close_all(closer_of(database, run, max_panes=max_panes), end_of_input=False)
        await close_all(closer_of(database, run, max_panes=max_panes), end_of_input=True)
        return (await fingerprint(database, run.name)).tables


@pytest.fixture(scope="module")
def undisturbed(database_url):
    return asyncio.run(digests(database_url, [], 10_000, None))


@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    cuts=st.lists(st.integers(1, len(DOCUMENTS) - 1), max_size=12),
    max_panes=st.integers(20, 300),
    seed=st.integers(0, 2**32),
)
def test_random_splits_give_the_same_tables(database_url, undisturbed, cuts, max_panes, seed):
    assert asyncio.run(digests(database_url, cuts, max_panes, seed)) == undisturbed


def test_the_undisturbed_run_has_what_could_go_wrong(database_url, undisturbed):
    with psycopg.connect(database_url) as connection:
        alerts = connection.execute(
            "SELECT entity_id FROM core.alert_episode WHERE run_id = 1 ORDER BY 1"
        ).fetchall()
        late = connection.execute(
            "SELECT sum(late) FROM core.window_agg WHERE run_id = 1 AND window_size = '5m'"
        ).fetchone()
    assert alerts == [("MARKET",), ("us.c1",)]
    assert late is not None
    assert late[0] > 50
