# ruff: noqa: E501 - short statements stay on one line
"""The closer on a real Postgres."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import psycopg
import pytest

from streams.adapters.postgres.alerts import dossier, list_alerts
from streams.cli.alerts import _models as model_line
from streams.errors import Misconfigured
from streams.settings import Settings, TimeSettings
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
    ordinary,
    pane_of,
    register,
    store,
    supersede,
    surge,
)

pytestmark = pytest.mark.integration
NEWS, SOCIAL = ("news", 0), ("social", 0)
AT = START + timedelta(days=3, hours=10)
WEEK = in_order([*ordinary(5, 150), *surge(AT, 40, 2)])


@pytest.fixture(scope="module")
def database_url(postgres_url):
    url = fresh_database(postgres_url)
    yield url
    drop_database(postgres_url, url)


@pytest.fixture
async def place(database_url):
    async with new_run(database_url) as opened:
        yield opened


WINDOW = (
    "SELECT entity_id, topic, source_class, buzz, stories, negatives, late FROM core.window_agg"
    " WHERE run_id = %s AND window_size = '{}' AND entity_id = 'us.c1' AND topic = 'all' AND source_class = 'all'"
)
REVISIONS = "SELECT window_size, max(revision) FROM core.window_status WHERE run_id = %s AND source_class = 'all' GROUP BY 1 ORDER BY 1"


async def test_nothing_closes_while_a_partition_is_silent(place):
    database, run = place
    await register(database, run, [NEWS, SOCIAL])
    await store(database, run, in_order([Doc("a", START), Doc("b", START + timedelta(hours=3))]))
    report = await closer_of(database, run).step(end_of_input=False)
    assert report.closed_until is None
    assert await fetch(database, run, "SELECT 1 FROM core.window_status WHERE run_id = %s") == []


async def test_open_windows_are_folded_provisionally(place):
    database, run = place
    await register(database, run, [NEWS, SOCIAL])
    await store(
        database, run, in_order([Doc("a", START, ("us.c1",)), Doc("b", START, ("us.c1",), "negative")])
    )
    await closer_of(database, run).step(end_of_input=False)
    assert await fetch(database, run, WINDOW.format("1d")) == [("us.c1", "all", "all", 2, 2, 1, 0)]


async def test_windows_close_with_the_watermark_and_not_beyond_it(place):
    database, run = place
    await store(database, run, in_order([Doc("a", START), Doc("b", START + timedelta(minutes=72))]))
    report = await closer_of(database, run).step(end_of_input=False)
    assert report.closed_until == START + timedelta(minutes=60)
    statuses = await fetch(
        database,
        run,
        "SELECT window_start, known_at FROM core.window_status WHERE run_id = %s AND window_size = '1h' AND source_class = 'all'",
    )
    assert statuses == [(START, START + timedelta(minutes=72))]


async def test_end_of_input_closes_the_last_document_and_nothing_after_it(place):
    database, run = place
    await store(database, run, in_order([Doc("a", START), Doc("b", START + timedelta(minutes=72))]))
    report = await closer_of(database, run).step(end_of_input=True)
    assert report.closed_until == START + timedelta(minutes=75)
    assert (await closer_of(database, run).step(end_of_input=True)).panes_closed == 0


async def test_a_week_becomes_windows_and_one_alert_with_its_evidence(place):
    database, run = place
    await store(database, run, WEEK)
    assert await close_all(closer_of(database, run)) == 1
    (alert,) = await list_alerts(database, run.name)
    assert (alert["entity_id"], alert["rule"], alert["state"]) == ("us.c1", "negative_surge", "resolved")
    assert AT < alert["opened_at"] <= AT + timedelta(minutes=45)
    assert alert["known_at"] >= alert["opened_at"] + timedelta(minutes=2)
    found = await dossier(database, run.name, alert["alert_id"][:6])
    assert next(step["kind"] for step in found["history"]) == "opened"
    assert found["history"][-1]["kind"] == "resolved"
    documents = found["top_documents"]
    assert len(documents) == min(20, alert["observed"])
    assert all(
        row["title"].startswith("headline s1-us.c1") or row["sentiment"] == "negative" for row in documents
    )
    again = await fetch(database, run, found["derivation"].replace("%", "%%") + " AND %s > 0")
    assert again == [(alert["observed"],)]


async def test_a_dossier_says_that_its_baseline_was_read_by_another_model(place):
    database, run = place
    await store(database, run, WEEK)
    async with database.transaction() as connection:
        await connection.execute(
            "UPDATE core.mention SET model_version = 'newer' WHERE run_id = %s AND event_time >= %s",
            (run.run_id, AT),
        )
    await close_all(closer_of(database, run))
    (alert,) = await list_alerts(database, run.name)
    found = await dossier(database, run.name, alert["alert_id"][:6])
    versions = found["evidence"]["model_versions"]
    assert len(versions) == 2
    assert "newer" in versions
    assert "MIXED" in model_line(versions)
    assert "MIXED" not in model_line(["newer"])


async def test_buzz_rolls_up_and_every_document_is_in_every_size(place):
    database, run = place
    await store(database, run, WEEK)
    await close_all(closer_of(database, run))
    sums = await fetch(
        database, run,
        "SELECT window_size, sum(buzz) FROM core.window_agg WHERE run_id = %s AND entity_id = 'MARKET' AND topic = 'all'"
        " AND source_class = 'all' GROUP BY 1 ORDER BY 1",
    )  # fmt: skip
    assert sums == [(size, len(WEEK)) for size in ("1d", "1h", "5m")]
    assert await fetch(database, run, "SELECT 1 FROM core.dirty_window WHERE run_id = %s") == []
    assert (
        await fetch(database, run, "SELECT 1 FROM core.mention WHERE run_id = %s AND story_id IS NULL") == []
    )


async def test_stories_join_copies_and_the_first_by_event_time_leads(place):
    database, run = place
    copies = [Doc(f"copy-{n}", START + timedelta(minutes=n), story="same") for n in range(9)]
    await store(database, run, in_order(copies))
    await close_all(closer_of(database, run))
    rows = await fetch(
        database, run, "SELECT leader_document_id, first_time FROM core.story WHERE run_id = %s"
    )
    assert rows == [(copies[0].document_id, START)]
    window = await fetch(
        database, run,
        "SELECT buzz, stories FROM core.window_agg WHERE run_id = %s AND window_size = '1h' AND topic = 'all' AND source_class = 'all'",
    )  # fmt: skip
    assert window == [(9, 1)]


async def test_a_late_document_refolds_its_windows_as_a_revision_and_opens_nothing(place):
    database, run = place
    four = surge(AT, 4, 0.4)
    calm = [
        doc
        for doc in ordinary(5, 150)
        if not ("us.c1" in doc.entities and abs(doc.at - AT) < timedelta(days=1))
    ]
    await store(database, run, in_order([*calm, *four]))
    closer = closer_of(database, run)
    assert await close_all(closer, end_of_input=False) == 0
    watermark = max(doc.at for doc in calm)
    before = await fetch(database, run, REVISIONS)
    late = [replace(doc, key=f"late-{doc.key}", known=watermark) for doc in surge(AT, 20, 0.4, seed=5)]
    await store(database, run, late)
    assert await close_all(closer, end_of_input=True) == 0
    assert before == [("1d", 0), ("1h", 0), ("5m", 0)]
    late_panes = {pane_of(doc) for doc in late}
    assert await fetch(database, run, REVISIONS) == [(size, len(late_panes)) for size in ("1d", "1h", "5m")]
    day = [row for row in await fetch(database, run, WINDOW.format("1d")) if row[6]]
    assert [row[6] for row in day] == [20]


async def test_detection_reads_a_superseded_version_as_of_its_pane(place):
    database, run = place
    documents = in_order([*ordinary(5, 150), *surge(AT, 40, 2)])
    await store(database, run, documents)
    mark = max(doc.at for doc in documents)
    for doc in documents:
        if doc.key.startswith("s1-"):  # all of them withdrawn to neutral, long after
            await supersede(database, run, doc, replace(doc, sentiment="neutral", revision=1, known=mark))
    assert await close_all(closer_of(database, run)) == 1
    peak = await fetch(database, run, "SELECT observed, documents FROM core.alert_episode WHERE run_id = %s")
    assert int(str(peak[0][0])) > 15
    current = await fetch(
        database, run, "SELECT count(*) FROM core.mention WHERE run_id = %s AND entity_id = 'us.c1' AND sentiment_class = 'negative'"
        " AND document_id IN (SELECT document_id FROM core.alert_document)",
    )  # fmt: skip
    assert int(str(current[0][0])) < 3


async def test_a_revised_document_stays_in_its_story(place):
    database, run = place
    first = Doc("a", START, story="one")
    await store(database, run, in_order([first, Doc("b", START + timedelta(hours=2))]))
    closer = closer_of(database, run)
    await close_all(closer, end_of_input=False)
    await supersede(
        database, run, first, replace(first, story="other", revision=1, known=START + timedelta(hours=2))
    )
    await close_all(closer)
    stories = await fetch(
        database, run,
        "SELECT d.story_id = h.story_id FROM core.document d JOIN core.document_history h USING (run_id, document_id) WHERE run_id = %s",
    )  # fmt: skip
    assert stories == [(True,)]


async def test_two_closers_at_once_do_what_one_does(place):
    database, run = place
    await store(database, run, WEEK)
    opened = await asyncio.gather(*(close_all(closer_of(database, run, max_panes=100)) for _ in range(2)))
    assert sum(opened) == 1
    assert len(await list_alerts(database, run.name)) == 1


async def test_each_step_of_an_alert_is_one_message_under_its_dedup_key(place):
    database, run = place
    await store(database, run, WEEK)
    await close_all(closer_of(database, run))
    messages = await fetch(
        database, run, "SELECT topic, convert_from(record_key, 'UTF8'), convert_from(record_value, 'UTF8')::jsonb ->> 'event'"
        " FROM core.outbox WHERE run_id = %s ORDER BY outbox_id",
    )  # fmt: skip
    events = await fetch(database, run, "SELECT kind FROM core.alert_event WHERE run_id = %s ORDER BY at")
    assert [row[2] for row in messages] == [row[0] for row in events]
    assert {row[:2] for row in messages} == {("alerts.v1", "negative_surge|us.c1|all|all")}


async def test_a_day_cut_moves_the_day_window(place):
    database, run = place
    settings = Settings(time=TimeSettings(day_cut=timedelta(hours=16)))
    await store(database, run, in_order([Doc("a", START + timedelta(hours=3))]))
    await close_all(closer_of(database, run, settings))
    rows = await fetch(
        database,
        run,
        "SELECT DISTINCT window_start FROM core.window_agg WHERE run_id = %s AND window_size = '1d'",
    )
    assert rows == [(START - timedelta(hours=8),)]


async def test_twelve_empty_years_are_jumped_over_and_stay_unknown(place):
    database, run = place
    later = START + timedelta(days=12 * 365)
    await store(database, run, in_order([Doc("a", START), Doc("b", later)]))
    await close_all(closer_of(database, run))
    rows = await fetch(
        database,
        run,
        "SELECT window_start FROM core.window_status WHERE run_id = %s AND window_size = '1h' AND source_class = 'all'",
    )
    assert len(rows) <= 26


async def test_an_unknown_alert_is_one_clear_line(place):
    database, run = place
    with pytest.raises(Misconfigured, match="alerts list --run"):
        await dossier(database, run.name, "ffff")


def test_bi_reader_sees_the_views_only_and_every_column_is_explained(database_url):
    with psycopg.connect(database_url) as connection:
        unexplained = connection.execute(
            "SELECT c.relname, a.attname FROM pg_attribute a JOIN pg_class c ON c.oid = attrelid JOIN pg_namespace n ON n.oid ="
            " relnamespace WHERE nspname = 'bi_v1' AND attnum > 0 AND col_description(c.oid, attnum) IS NULL"
        ).fetchall()
        views = connection.execute(
            "SELECT table_name FROM information_schema.views WHERE table_schema = 'bi_v1'"
        ).fetchall()
        readable = connection.execute(
            "SELECT has_schema_privilege('bi_reader', 'bi_v1', 'USAGE'), has_schema_privilege('bi_reader', 'core', 'USAGE')"
        ).fetchone()
        allowed = [
            connection.execute(
                "SELECT has_table_privilege('bi_reader', %s, 'SELECT')", (f"bi_v1.{name}",)
            ).fetchone()
            for (name,) in views
        ]
    assert unexplained == []
    assert readable == (True, False)
    assert set(allowed) == {(True,)}
