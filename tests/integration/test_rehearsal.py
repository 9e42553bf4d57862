"""Detection alone over another run's mentions, on a real Postgres."""

from __future__ import annotations

import json
import os
import subprocess
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

from streams.adapters.postgres.alerts import list_alerts
from streams.adapters.postgres.connection import Database
from streams.adapters.postgres.results import FINAL_TABLES, fingerprint
from streams.adapters.postgres.runs import drop_run
from streams.errors import Misconfigured
from streams.replay.whatif import shaping
from streams.settings import Settings
from tests.service import COMMAND
from tests.stored import (
    START,
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
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path


pytestmark = pytest.mark.integration
ALERT_TABLES = ("alert_episode", "alert_event", "alert_document")
FIRST, SECOND = START + timedelta(days=3, hours=10), START + timedelta(days=6, hours=10)
WEEKS = in_order(
    [*ordinary(8, 120), *surge(FIRST, 40, 2), *surge(SECOND, 14, 2, entity="us.c2", seed=2),
     *surge(SECOND, 30, 4, entity="us.c1", seed=3)]
)  # fmt: skip


@pytest.fixture(scope="module")
def url(postgres_url: str) -> Iterator[str]:
    made = fresh_database(postgres_url)
    yield made
    drop_database(postgres_url, made)


@pytest.fixture(scope="module")
def base(url: str) -> str:
    """A closed run with three surges and a revised document."""
    import asyncio

    async def prepare() -> None:
        async with new_run(url, "base") as (database, run):
            async with database.transaction() as connection:
                await connection.execute(
                    "UPDATE core.run SET settings = %s WHERE name = 'base'", (Jsonb(shaping(Settings())),)
                )
            await store(database, run, WEEKS)
            hit = next(doc for doc in WEEKS if doc.key.startswith("s1-"))
            later = hit.at + timedelta(days=1)
            await supersede(database, run, hit, replace(hit, sentiment="positive", revision=1, known=later))
            await close_all(closer_of(database, run))

    asyncio.run(prepare())
    return "base"


def replay(url: str, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("SENTIWATCH_")}
    return subprocess.run(
        [*COMMAND, "replay", "--detect-only", "--json", *arguments],
        env=inherited | {"SENTIWATCH_POSTGRES__URL": url} | variables,
        capture_output=True,
        text=True,
        check=False,
    )


def judged(url: str, *arguments: str, **variables: str) -> dict[str, Any]:
    done = replay(url, *arguments, **variables)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Database]:
    database = Database(url, 2)
    await database.open()
    try:
        yield database
    finally:
        await database.close()


async def digests(database: Database, name: str) -> dict[str, str]:
    return (await fingerprint(database, name)).tables


async def test_with_the_same_settings_it_raises_the_same_alerts_figure_for_figure(url: str, base: str):
    found = judged(url, "--base", base, "--run", "again")
    assert found["alerts"] >= 2
    async with opened(url) as database:
        ours, theirs = await digests(database, "again"), await digests(database, base)
    assert {table: ours[table] for table in ALERT_TABLES} == {table: theirs[table] for table in ALERT_TABLES}
    assert found["documents"] == 0


async def test_the_base_run_is_left_as_it_was(url: str, base: str):
    async with opened(url) as database:
        before = await digests(database, base)
        judged(url, "--base", base, "--run", "strict", "--set", "detector.count_p=1e-30")
        assert await digests(database, base) == before
    assert set(FINAL_TABLES) <= set(before)


def test_stricter_thresholds_raise_fewer_alerts_and_the_comparison_names_the_setting(url: str, base: str):
    found = judged(url, "--base", base, "--run", "stricter", "--set", "detector.count_p=1e-20")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("SENTIWATCH_")}
    told = json.loads(
        subprocess.run(
            [*COMMAND, "run", "compare", base, "stricter", "--json"],
            env=inherited | {"SENTIWATCH_POSTGRES__URL": url}, capture_output=True, text=True, check=True,
        ).stdout
    )  # fmt: skip
    assert told["settings"] == {"detector.count_p": [1e-05, 1e-20]}
    assert len(told["only_a"]) >= 1
    assert told["only_b"] == []
    assert len(told["only_a"]) + told["same"] + len(told["changed"]) == found["alerts"] + len(told["only_a"])
    assert sum(tally["only_a"] for tally in told["by_month"].values()) == len(told["only_a"])


def test_settings_of_the_environment_count_and_the_command_makes_the_run_again(url: str, base: str):
    judged(url, "--base", base, "--run", "named", SENTIWATCH_DETECTOR__MIN_RATIO="3")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("SENTIWATCH_")}
    shown = json.loads(
        subprocess.run(
            [*COMMAND, "run", "show", "named", "--json"],
            env=inherited | {"SENTIWATCH_POSTGRES__URL": url}, capture_output=True, text=True, check=True,
        ).stdout
    )  # fmt: skip
    assert (
        shown["command"]
        == "sentiwatch replay --run named --detect-only --base base --set detector.min_ratio=3.0"
    )
    again = judged(url, *shown["command"].split()[2:])
    assert again["panes"] == 0, "it was finished"


async def test_alerts_of_the_warm_up_are_marked_and_not_reported(url: str, base: str):
    since = (SECOND - timedelta(hours=2)).isoformat()
    found = judged(url, "--base", base, "--run", "late", "--from", since)
    assert found["alerts_in_warm_up"] == 1
    with psycopg.connect(url) as connection:
        marked = connection.execute(
            "SELECT warm_up, count(*) FROM bi_v1.alerts WHERE run = 'late' GROUP BY 1 ORDER BY 1"
        ).fetchall()
    assert marked == [(False, found["alerts"]), (True, 1)]
    async with opened(url) as database:
        assert len(await list_alerts(database, "late")) == found["alerts"]


def test_the_evidence_of_a_rehearsal_is_that_of_its_base(url: str, base: str):
    judged(url, "--base", base, "--run", "shown")
    with psycopg.connect(url) as connection:
        titles = connection.execute(
            "SELECT count(*) FROM bi_v1.alert_documents WHERE run = 'shown' AND title IS NULL"
        ).fetchone()
        derivation, observed = connection.execute(
            "SELECT derivation, observed FROM bi_v1.alerts WHERE run = 'shown' ORDER BY opened_at LIMIT 1"
        ).fetchone() or ("", 0)
        derived = connection.execute(derivation).fetchone()
    assert titles == (0,)
    assert derived == (observed,)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--base", "base", "--run", "x", "--set", "time.lateness_news=60"), "detector.… only"),
        (("--base", "base", "--run", "x", "--set", "detector.nothing=1"), "expected NAME=VALUE"),
        (("--base", "base", "--run", "x", "--set", "detector.count_p=7"), "detector.count_p"),
        (("--base", "nowhere", "--run", "x"), "there is no run 'nowhere'"),
        (("--base", "base", "--run", "live"), "is the live one"),
        (("--base", "base", "--run", "base"), "is not a rehearsal of base"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_line(
    url: str, base: str, arguments: tuple[str, ...], said: str
):
    done = replay(url, *arguments)
    assert done.returncode == 1
    assert said in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_run_goes_on_only_as_what_it_was_begun(url: str, base: str):
    judged(url, "--base", base, "--run", "begun", "--set", "detector.min_sources=4")
    done = replay(url, "--base", base, "--run", "begun", "--set", "detector.min_sources=5")
    assert done.returncode == 1
    assert (
        "was begun with `sentiwatch replay --run begun --detect-only --base base --set detector.min_sources=4`"
        in done.stderr
    )


def test_an_experiment_ends_in_one_page_and_in_a_table_for_bi(url: str, base: str, tmp_path: Path):
    file = tmp_path / "budgets.yaml"
    file.write_text(
        "name: budgets\nbase: base\nvariants:\n  same: {}\n  stricter: {set: {detector.count_p: 1e-20}}\n"
    )
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("SENTIWATCH_")}
    done = subprocess.run(
        [*COMMAND, "experiment", str(file), "--out", str(tmp_path / "out"), "--json"],
        env=inherited | {"SENTIWATCH_POSTGRES__URL": url},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)["variants"]
    assert found["same"]["same"] == found["same"]["alerts"] > found["stricter"]["alerts"]
    page = (tmp_path / "out" / "report.html").read_text()
    assert "--set detector.count_p=1e-20" in page
    assert "2 variants here, 2 under this name so far" in page
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            "SELECT run, value FROM bi_v1.experiment_results WHERE variant = 'stricter' AND measure = 'only_in_base'"
        ).fetchall()
    assert rows == [("budgets-stricter", float(found["stricter"]["only_in_base"]))]


async def test_a_base_is_not_dropped_from_under_what_judged_it(url: str, base: str):
    judged(url, "--base", base, "--run", "standing")
    async with opened(url) as database:
        with pytest.raises(Misconfigured, match=r"is what .*standing.* judged"):
            await drop_run(database, base)
        await drop_run(database, "standing")
