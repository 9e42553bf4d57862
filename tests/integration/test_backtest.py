"""What a backtest reads of a run on a real Postgres, and the command on it."""

from __future__ import annotations

import asyncio
import json
import subprocess
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np
import psycopg
import pytest

from streams.adapters.postgres.signals import listings, openings, spoken
from tests.service import COMMAND
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
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.integration
SURGE = START + timedelta(days=3, hours=15)


@pytest.fixture(scope="module")
def database_url(postgres_url: str) -> Iterator[str]:
    url = fresh_database(postgres_url)
    with psycopg.connect(url) as connection:
        for number in range(6):
            connection.execute(
                "INSERT INTO core.entity (entity_id, kind, symbol, exchange, name, sector, country)"
                " VALUES (%s, 'company', %s, 'US', 'c', '', 'US')",
                (f"us.c{number}", f"C{number}"),
            )
    yield url
    drop_database(postgres_url, url)


async def test_a_later_revision_is_told_with_when_it_was_known(database_url: str):
    first = Doc("a", START + timedelta(hours=15), ("us.c1",), "positive")
    later = START + timedelta(days=2)
    calm = [Doc(f"calm-{n}", START + timedelta(hours=n)) for n in range(60)]
    async with new_run(database_url) as (database, run):
        await store(database, run, in_order([first, *calm]))
        await supersede(database, run, first, replace(first, sentiment="negative", revision=1, known=later))
        await close_all(closer_of(database, run))
        rows = await spoken(database, run.name, ["us.c1"])
    assert [round(row.tone, 2) for row in rows] == [0.87, -0.87]
    assert rows[0].known_at < START + timedelta(hours=17)
    assert rows[1].known_at >= later
    assert rows[0].superseded_at == rows[1].known_at


async def test_an_alert_is_told_as_it_opened(database_url: str):
    async with new_run(database_url) as (database, run):
        await store(database, run, in_order([*ordinary(5, 150), *surge(SURGE, 40, 2)]))
        await close_all(closer_of(database, run))
        found = await openings(database, run.name)
        async with database.transaction() as connection:
            reached = await (
                await connection.execute(
                    "SELECT severity FROM core.alert_episode WHERE run_id = %s", (run.run_id,)
                )
            ).fetchone()
    assert [opening.entity_id for opening in found] == ["us.c1"]
    assert reached == ("critical",)
    assert found[0].severity != "critical"
    assert found[0].known_at >= found[0].opened_at


async def test_listings_know_their_exchange(database_url: str):
    async with new_run(database_url) as (database, _):
        assert {(row.entity_id, row.exchange) for row in await listings(database)} >= {("us.c1", "US")}


def test_the_command_writes_a_report_from_a_run_and_a_directory_of_prices(database_url: str, tmp_path: Path):
    async def prepare() -> str:
        async with new_run(database_url) as (database, run):
            await store(database, run, in_order([*ordinary(5, 150), *surge(SURGE, 40, 2)]))
            await close_all(closer_of(database, run))
            return run.name

    name = asyncio.run(prepare())
    rng = np.random.default_rng(1)
    days = np.arange(np.datetime64("2025-06-02"), np.datetime64("2026-05-01"))
    for number in range(6):
        closes = 100 * np.cumprod(1 + 0.01 * rng.normal(size=len(days)))
        rows = [f"{day},{close:.4f},{close:.4f},1" for day, close in zip(days, closes, strict=True)]
        (tmp_path / f"C{number}.csv").write_text("Date,Open,Close,Volume\n" + "\n".join(rows))
    out = tmp_path / "out"
    done = subprocess.run(
        [
            *COMMAND,
            "backtest",
            name,
            "--prices",
            str(tmp_path),
            "--out",
            str(out),
            "--json",
            "--horizons",
            "1,2",
        ],
        env={"SENTIWATCH_POSTGRES__URL": database_url, "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["coverage"]["alerts_with_prices"] == 1
    assert found["coverage"]["calendar"] == "XNYS"
    # five days of documents; what came after the close of Friday counts on Monday
    assert found["segments"]["all"]["signal_sessions"] == 6
    assert {path.name for path in out.iterdir()} >= {
        "report.html",
        "report.json",
        "signals.parquet",
        "car.png",
    }
