"""Months go, and what alerts rest on stays."""

from __future__ import annotations

from datetime import timedelta

import pytest

from streams.adapters.postgres.alerts import dossier, list_alerts
from streams.adapters.postgres.results import table_digest
from streams.adapters.postgres.retention import retain
from streams.adapters.postgres.runs import ensure_months
from streams.domain.window import floor
from streams.errors import Misconfigured
from streams.settings import RetentionSettings, Settings, TimeSettings
from tests.databases import open_run
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
    store,
    surge,
)

pytestmark = pytest.mark.integration
AT = START + timedelta(days=3, hours=10)
JUNE = START + timedelta(days=100)
SETTINGS = Settings(
    time=TimeSettings(horizon=timedelta(days=60)),
    retention=RetentionSettings(documents=timedelta(days=60), months_ahead=2),
)


@pytest.fixture(scope="module")
def database_url(postgres_url):
    url = fresh_database(postgres_url)
    yield url
    drop_database(postgres_url, url)


@pytest.fixture
async def aged(database_url):
    """A run with an alert in March, closed until June."""
    documents = [*ordinary(4, 120), *surge(AT, 40, 2)]
    places = {(doc.source_class, doc.partition) for doc in documents}
    now = [Doc(f"now-{n}", JUNE, source_class=name, partition=part) for n, (name, part) in enumerate(places)]
    async with open_run(database_url) as (database, run):
        async with database.transaction() as connection:
            await ensure_months(connection, run.run_id, [(2026, 3), (2026, 6)])
        await store(database, run, in_order([*documents, *now]))
        await close_all(closer_of(database, run), end_of_input=True)
        yield database, run


async def digests(database, run, *tables):
    async with database.transaction() as connection:
        return [await table_digest(connection, table, run.run_id) for table in tables]


async def test_an_alert_proves_itself_after_its_month_has_gone(aged):
    database, run = aged
    (alert,) = await list_alerts(database, run.name)
    before = await dossier(database, run.name, alert["alert_id"])
    aggregates = await digests(database, run, "window_agg", "window_status", "window_history", "hour_count")
    done = await retain(database, SETTINGS, run.name, dry_run=False)
    assert done.dropped == ["2026-03"]
    assert await dossier(database, run.name, alert["alert_id"]) == before
    assert before["top_documents"][0]["title"]
    again = await fetch(database, run, before["derivation"].replace("%", "%%") + " AND %s > 0")
    assert again == [(alert["observed"],)]
    assert (
        await digests(database, run, "window_agg", "window_status", "window_history", "hour_count")
        == aggregates
    )


async def test_what_no_alert_rests_on_is_gone_and_a_second_call_finds_nothing_to_do(aged):
    database, run = aged
    count = "SELECT count(*) FROM core.{} WHERE run_id = %s AND event_time < '2026-04-01'"
    (before,) = [row[0] for row in await fetch(database, run, count.format("document"))]
    done = await retain(database, SETTINGS, run.name, dry_run=False)
    (after,) = [row[0] for row in await fetch(database, run, count.format("document"))]
    assert 0 < int(str(after)) < int(str(before)) / 5
    assert done.rows["document"] == int(str(before)) - int(str(after))
    assert done.rows["mention"] > done.rows["document"]
    keys = await fetch(database, run, count.format("document_key"))
    assert keys == [(0,)]  # these rows came without keys
    again = await retain(database, SETTINGS, run.name, dry_run=False)
    assert (again.made, again.dropped, again.rows) == ([], [], {})


async def test_a_dry_run_says_it_and_leaves_everything(aged):
    database, run = aged
    before = await digests(database, run, "document", "mention")
    said = await retain(database, SETTINGS, run.name, dry_run=True)
    assert await digests(database, run, "document", "mention") == before
    assert (said.dropped, said.made) == (["2026-03"], ["2026-07", "2026-08"])
    assert said.rows["document"] > 400


async def test_windows_of_a_month_that_has_gone_stay_as_they_are(aged):
    database, run = aged
    await retain(database, SETTINGS, run.name, dry_run=False)
    before = await digests(database, run, "window_agg", "window_history")
    async with database.transaction() as connection:
        await connection.execute(
            "INSERT INTO core.dirty_window (run_id, pane_start, known_pane) VALUES (%s, %s, %s)",
            (run.run_id, floor(AT), AT + timedelta(days=1)),
        )
    await close_all(closer_of(database, run), end_of_input=True)
    assert await digests(database, run, "window_agg", "window_history") == before


async def test_it_refuses_what_would_fold_windows_from_a_late_record_alone(aged):
    database, run = aged
    for horizon in (timedelta(0), timedelta(days=90)):
        settings = SETTINGS.model_copy(update={"time": TimeSettings(horizon=horizon)})
        with pytest.raises(Misconfigured, match="HORIZON"):
            await retain(database, settings, run.name, dry_run=True)
    short = RetentionSettings(documents=timedelta(days=20))
    settings = Settings(time=TimeSettings(horizon=timedelta(days=20)), retention=short)
    with pytest.raises(Misconfigured, match="at least 35 days"):
        await retain(database, settings, run.name, dry_run=True)


async def test_a_replay_is_dropped_as_a_whole(database_url):
    async with new_run(database_url) as (database, run):
        with pytest.raises(Misconfigured, match="run drop"):
            await retain(database, SETTINGS, run.name, dry_run=True)


async def test_documents_are_kept_for_ever_unless_told_otherwise(aged):
    database, run = aged
    settings = replace_retention(months_ahead=1)
    done = await retain(database, settings, run.name, dry_run=False)
    assert (done.made, done.dropped) == (["2026-07"], [])


def replace_retention(**changes):
    return Settings(retention=RetentionSettings(**changes))
