"""Databases and stores of their own for tests that write."""

from __future__ import annotations

import uuid
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from streams.adapters.postgres.connection import Database
from streams.adapters.postgres.documents import PostgresDocumentStore
from streams.adapters.postgres.rows import RowMaker
from streams.adapters.postgres.runs import ensure_run
from streams.domain.pseudonym import AuthorKey, KeyRing
from tests.builders import LATENESS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from streams.adapters.postgres.runs import Run

DEAD_LETTER_BYTES = 65_536


def row_maker(run_id: int = 1, secret: bytes = b"secret", version: int = 1) -> RowMaker:
    return RowMaker(run_id, KeyRing.of([AuthorKey(version, secret)]), LATENESS)


def document_store(database: Database, run: Run) -> PostgresDocumentStore:
    return PostgresDocumentStore(database, run, row_maker(run.run_id), DEAD_LETTER_BYTES)


@asynccontextmanager
async def open_run(
    url: str, *, kind: str = "live", notify: bool = True, name: str = ""
) -> AsyncIterator[tuple[Database, Run]]:
    """A run of its own in a migrated database."""
    database = Database(url, 4)
    await database.open()
    try:
        async with database.transaction() as connection:
            run = await ensure_run(
                connection, name or uuid.uuid4().hex[:8], kind=kind, notify=notify, settings={}, gazetteer=""
            )
        yield database, run
    finally:
        await database.close()
