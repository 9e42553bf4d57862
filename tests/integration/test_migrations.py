"""The schema goes up, down and up again, and says of everything what it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest

from streams.adapters.postgres.migrate import check, downgrade, head, upgrade
from streams.errors import Misconfigured, Unavailable
from tests.stored import drop_database, fresh_database

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.integration

RELATIONS = """
    SELECT n.nspname || '.' || c.relname, obj_description(c.oid, 'pg_class')
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname IN ('core', 'bi_v1') AND c.relkind IN ('r', 'p', 'v', 'm')
"""
COLUMNS = """
    SELECT n.nspname || '.' || c.relname || '.' || a.attname, col_description(c.oid, a.attnum)
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid
    WHERE n.nspname IN ('core', 'bi_v1') AND c.relkind IN ('r', 'p', 'v', 'm') AND a.attnum > 0 AND NOT a.attisdropped
"""
# Views within core are for our own statements; their columns are those of their tables.
INNER_VIEW = "core.mention_known."


@pytest.fixture
def url(postgres_url: str) -> Iterator[str]:
    made = fresh_database(postgres_url)
    yield made
    drop_database(postgres_url, made)


def names(url: str, query: str) -> dict[str, str | None]:
    with psycopg.connect(url) as connection:
        return dict(connection.execute(query).fetchall())


def shape(url: str) -> list[tuple[object, ...]]:
    """Every column with its type, and every index, in order."""
    with psycopg.connect(url) as connection:
        columns = connection.execute(
            "SELECT table_schema, table_name, column_name, data_type, is_nullable, column_default"
            " FROM information_schema.columns WHERE table_schema IN ('core', 'bi_v1') ORDER BY 1, 2, 3"
        ).fetchall()
        indexes = connection.execute(
            "SELECT schemaname, indexname, indexdef FROM pg_indexes WHERE schemaname IN ('core', 'bi_v1') ORDER BY 1, 2"
        ).fetchall()
    return [*columns, *indexes]


def test_it_goes_up_down_and_up_again_to_the_same_shape(url: str):
    before = shape(url)
    assert before
    assert downgrade(url, "base") == ""
    assert shape(url) == []
    assert upgrade(url) == head()
    assert shape(url) == before


def test_each_step_down_can_be_taken_up_again(url: str):
    before = shape(url)
    while downgrade(url, "-1"):
        pass
    assert upgrade(url) == head()
    assert shape(url) == before


def test_every_table_and_view_has_a_comment(url: str):
    assert [name for name, comment in names(url, RELATIONS).items() if not comment] == []


def test_every_column_has_a_comment(url: str):
    missing = [name for name, comment in names(url, COLUMNS).items() if not comment]
    assert [name for name in missing if not name.startswith(INNER_VIEW)] == []


def test_a_schema_at_another_revision_is_refused_with_the_command_that_helps(url: str):
    assert check(url) == head()
    downgrade(url, "base")
    with pytest.raises(Misconfigured, match="sentiwatch db upgrade"):
        check(url)


def test_a_database_that_is_away_is_unavailable(unused_tcp_port: int):
    with pytest.raises(Unavailable):
        upgrade(f"postgresql://nobody@127.0.0.1:{unused_tcp_port}/none")
