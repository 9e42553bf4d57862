"""The real parts that contracts run on: one migrated database and one set of topics a session."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.stored import drop_database, fresh_database

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def migrated(postgres_url: str) -> Iterator[str]:
    """URL of a migrated database that nobody else uses."""
    url = fresh_database(postgres_url)
    yield url
    drop_database(postgres_url, url)
