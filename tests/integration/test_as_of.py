# ruff: noqa: S608 - names of our own views
"""Reading what was known then equals a run that was fed only what was known by then."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from typer.testing import CliRunner

from streams.adapters.postgres.alerts import list_alerts
from streams.cli.alerts import app
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
    supersede,
    surge,
)

pytestmark = pytest.mark.integration
AT = START + timedelta(days=3, hours=10)
END = START + timedelta(days=4)
CUTS = (AT + timedelta(minutes=20), AT + timedelta(minutes=107, seconds=31), AT + timedelta(hours=5))


def straggling(documents: list[Doc]) -> list[Doc]:
    """Every eleventh one happened up to six hours before its partition said so."""
    return [
        replace(doc, at=max(START, doc.at - timedelta(minutes=13 * n % 360))) if n % 11 == 0 else doc
        for n, doc in enumerate(documents)
    ]


DOCUMENTS = straggling(in_order([*ordinary(4, 120), *surge(AT, 40, 2)]))
PLACES = sorted({(doc.source_class, doc.partition) for doc in DOCUMENTS})


def revision_of(doc: Doc, seen_after: timedelta) -> Doc:
    """The same document read otherwise, later: in its partition, with the watermark of then."""
    seen = doc.known_at + seen_after
    before = [d for d in DOCUMENTS if (d.source_class, d.partition) == (doc.source_class, doc.partition)]
    return replace(
        doc, sentiment="positive", revision=1, seen=seen, known=max(d.at for d in before if d.known_at < seen)
    )


REVISED = [
    (doc, revision_of(doc, timedelta(minutes=37 * number % 900)))
    for number, doc in enumerate(DOCUMENTS[5:-40:23], start=1)
]


async def fed(database, run, until):
    """Store what was known by ``until``, and close what its watermarks let close."""
    await register(database, run, PLACES)
    await store(database, run, [doc for doc in DOCUMENTS if doc.known_at <= until])
    for old, new in REVISED:
        if new.known_at <= until:
            await supersede(database, run, old, new)
    await close_all(closer_of(database, run), end_of_input=False)


async def shown(database, run, relation, order, *values, leave_out=()):
    async with database.transaction() as connection:
        cursor = await connection.execute(
            f"SELECT * FROM {relation} WHERE run = %s ORDER BY {order}", (*values, run.name)
        )
        names = [column.name for column in cursor.description or ()]
        kept = [number for number, name in enumerate(names) if name not in {"run", *leave_out}]
        return [tuple(row[number] for number in kept) for row in await cursor.fetchall()]


READINGS = {
    "windows": "window_size, window_start, entity_id, topic, source_class",
    "alerts": "alert_id",
    "alert_documents": "alert_id, rank",
    "documents": "document_id",
}


@pytest.fixture(scope="module")
def database_url(postgres_url):
    url = fresh_database(postgres_url)
    yield url
    drop_database(postgres_url, url)


async def test_each_reading_equals_a_run_that_was_fed_only_what_was_known_by_then(database_url):
    async with new_run(database_url) as (database, whole):
        await fed(database, whole, END)
        for cut in CUTS:
            async with new_run(database_url) as (_, part):
                await fed(database, part, cut)
                for name, order in READINGS.items():
                    then, at_the_time = [
                        await shown(
                            database, run, f"bi_v1.{name}_as_of(%s)", order, time, leave_out={"known_until"}
                        )
                        for run, time in ((whole, cut), (part, END))
                    ]
                    assert then == at_the_time, (name, cut)
                    assert then or name.startswith("alert")
        assert await list_alerts(database, whole.name, CUTS[0] - timedelta(hours=1)) == []
        (before,) = await list_alerts(database, whole.name, CUTS[1])
        (after,) = await list_alerts(database, whole.name)
        assert before["observed"] < after["observed"]
        assert before["state"] == "firing"


async def test_windows_at_close_lack_what_came_too_late(database_url):
    async with new_run(database_url) as (database, run):
        await fed(database, run, END)
        at_close = await shown(
            database, run, "(SELECT * FROM bi_v1.windows_at_close WHERE late > 0) AS w", "1"
        )
        now = await shown(database, run, "(SELECT * FROM bi_v1.windows WHERE late > 0) AS w", "1")
    # where one record lets several panes close, what the later ones read is known at the same instant
    assert len(at_close) < len(now) / 2


async def test_an_old_revision_of_a_window_is_kept_with_the_times_between_which_it_held(database_url):
    async with new_run(database_url) as (database, run):
        await register(database, run, [("news", 0)])
        first, last = Doc("a", START, ("us.c1",)), Doc("b", START + timedelta(hours=3), ("us.c1",))
        late = Doc("late", START + timedelta(minutes=1), ("us.c1",), "negative", known=last.at, seen=last.at)
        await store(
            database,
            run,
            [
                *in_order([first, last]),
                late,
                replace(last, key="c", at=last.at + timedelta(hours=3), known=last.at),
            ],
        )
        await close_all(closer_of(database, run))
        async with database.transaction() as connection:
            cursor = await connection.execute(
                "SELECT buzz, negatives, late, known_from, known_until FROM bi_v1.window_versions WHERE run = %s"
                " AND window_size = '5m' AND window_start = %s AND entity_id = 'us.c1' AND topic = 'all'"
                " AND source_class = 'all' ORDER BY known_from, late",
                (run.name, START),
            )
            versions = await cursor.fetchall()
    old, new = versions
    assert (old[:3], new[:3]) == ((1, 0, 0), (2, 1, 1))
    assert (old[3], old[4], new[4]) == (last.at, new[3], None)


def test_a_moment_without_an_offset_is_refused():
    result = CliRunner().invoke(app, ["list", "--as-of", "2026-06-01T14:00:00"])
    assert result.exit_code == 2
