"""The fingerprint covers every table of a run, or says why not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest

from streams.adapters.postgres.results import FINAL_TABLES, NOT_RESULTS
from streams.adapters.postgres.runs import PARTITIONED
from tests.stored import drop_database, fresh_database

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.integration

OF_A_RUN = """
    SELECT relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE nspname = 'core' AND relkind = 'p' AND NOT relispartition
"""


@pytest.fixture(scope="module")
def url(postgres_url: str) -> Iterator[str]:
    made = fresh_database(postgres_url)
    yield made
    drop_database(postgres_url, made)


def partitioned(url: str) -> set[str]:
    with psycopg.connect(url) as connection:
        return {row[0] for row in connection.execute(OF_A_RUN).fetchall()}


def test_every_table_of_a_run_is_covered_or_named_with_a_reason(url):
    assert partitioned(url) == set(FINAL_TABLES) | set(NOT_RESULTS)
    assert set(FINAL_TABLES).isdisjoint(NOT_RESULTS)


def test_every_table_of_a_run_gets_and_loses_its_partition(url):
    assert partitioned(url) == set(PARTITIONED)
