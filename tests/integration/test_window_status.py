"""What a closed window says about itself: complete, degraded or forced."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from streams.domain.document import SourcePartition
from tests.stored import (
    START,
    Doc,
    close_all,
    closer_of,
    drop_database,
    fetch,
    fresh_database,
    in_order,
    new_run,
    register,
    store,
)

pytestmark = pytest.mark.integration
NEWS, SOCIAL = ("news", 0), ("social", 0)
STATUS = (
    "SELECT source_class, status, count(*) FROM core.window_status WHERE run_id = %s AND window_size = '{}'"
    " GROUP BY 1, 2 ORDER BY 1, 2"
)


@pytest.fixture(scope="module")
def database_url(postgres_url):
    url = fresh_database(postgres_url)
    yield url
    drop_database(postgres_url, url)


@pytest.fixture
async def place(database_url):
    async with new_run(database_url) as opened:
        yield opened


def ticking(source_class, hours, *, every=20, start=START):
    return [
        Doc(
            f"{source_class}-{start:%d%H}-{n}",
            start + timedelta(minutes=every * n),
            source_class=source_class,
        )
        for n in range(hours * 60 // every)
    ]


async def test_windows_that_close_past_an_idle_partition_are_forced_for_its_class_only(place):
    database, run = place
    await store(database, run, in_order([*ticking("news", 1), *ticking("social", 6)]))
    ends = {SourcePartition("news.raw.v1", 0): 1, SourcePartition("social.raw.v1", 0): 9}
    closer = closer_of(database, run)
    assert (await closer.step(end_of_input=False)).closed_until == START + timedelta(minutes=30)
    report = await closer.step(end_of_input=False, ends=ends)
    assert report.closed_until == START + timedelta(minutes=335)
    found = {row[:2]: row[2] for row in await fetch(database, run, STATUS.format("5m"))}
    assert found["news", "forced"] == found["all", "forced"] == (335 - 30) // 5
    assert ("social", "forced") not in found
    assert {row[1] for row in await fetch(database, run, STATUS.format("1h")) if row[0] == "news"} == {
        "forced"
    }


async def test_a_partition_that_is_behind_the_broker_is_not_idle(place):
    database, run = place
    await store(database, run, in_order([*ticking("news", 1), *ticking("social", 6)]))
    ends = {SourcePartition("news.raw.v1", 0): 2, SourcePartition("social.raw.v1", 0): 9}
    report = await closer_of(database, run).step(end_of_input=False, ends=ends)
    assert report.closed_until == START + timedelta(minutes=30)


async def test_what_comes_for_a_window_that_was_forced_is_shown_by_the_next_step(place):
    database, run = place
    await store(database, run, in_order([*ticking("news", 1), *ticking("social", 6)]))
    ends = {SourcePartition("news.raw.v1", 0): 1, SourcePartition("social.raw.v1", 0): 9}
    closer = closer_of(database, run)
    await close_all_forced(closer, ends)
    after = Doc("after", START + timedelta(hours=2), known=START + timedelta(minutes=40))
    await store(database, run, [replace(after, seen=START + timedelta(hours=7))])
    await close_all(closer, end_of_input=True)
    buzz = await fetch(
        database, run, "SELECT buzz FROM core.window_agg WHERE run_id = %s AND window_size = '5m' AND topic = 'all'"
        " AND source_class = 'news' AND window_start = '2026-03-02 02:00+00'",
    )  # fmt: skip
    assert buzz == [(1,)]


async def close_all_forced(closer, ends):
    while not (await closer.step(end_of_input=False, ends=ends)).caught_up:
        pass


async def test_a_silent_partition_degrades_its_class_and_the_whole(place):
    database, run = place
    gap = START + timedelta(hours=40)
    news = [*ticking("news", 2), *ticking("news", 2, start=gap)]
    await store(database, run, in_order([*news, *ticking("social", 42)]))
    await close_all(closer_of(database, run), end_of_input=False)
    found = {row[:2]: row[2] for row in await fetch(database, run, STATUS.format("5m"))}
    assert found["news", "degraded"] == found["all", "degraded"] > 12
    assert ("social", "degraded") not in found


async def test_windows_in_which_the_run_began_are_degraded_and_those_after_are_complete(place):
    database, run = place
    begin = START + timedelta(minutes=90)
    await store(
        database, run, in_order([*ticking("news", 6, start=begin), *ticking("social", 6, start=begin)])
    )
    await close_all(closer_of(database, run), end_of_input=False)
    rows = await fetch(
        database, run, "SELECT status FROM core.window_status WHERE run_id = %s AND window_size = '1h'"
        " AND source_class = 'all' ORDER BY window_start",
    )  # fmt: skip
    assert [row[0] for row in rows] == ["degraded", *["complete"] * 5]


@pytest.mark.parametrize("early", [True, False])
async def test_where_a_run_begins_does_not_depend_on_when_somebody_looked(place, early):
    database, run = place
    await register(database, run, [NEWS, SOCIAL])
    first = in_order([Doc("n", START + timedelta(hours=2)), Doc("s", START, source_class="social")])
    await store(database, run, first)
    if early:
        await close_all(closer_of(database, run), end_of_input=False)
    later = START + timedelta(hours=5)
    await store(database, run, [
        Doc("n2", later, known=START + timedelta(hours=2), seen=later),
        Doc("s2", later, source_class="social", known=START, seen=later),
    ])  # fmt: skip
    await close_all(closer_of(database, run), end_of_input=False)
    rows = await fetch(
        database,
        run,
        "SELECT min(window_start), count(*) FROM core.window_status WHERE run_id = %s AND window_size = '5m'",
    )
    assert rows == [(START, 3 * (5 * 12 - 2))]
