"""The same steps on Postgres with the real closer, which closes, crashes and goes on between them.

What is stored is compared row by row with the naive fold, and by fingerprint with a run that reads the same log undisturbed.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import rule, run_state_machine_as_test

from streams.adapters.postgres.closing import PostgresClosingStore
from streams.adapters.postgres.connection import Database
from streams.adapters.postgres.results import fingerprint
from streams.adapters.postgres.runs import drop_run, ensure_run
from streams.adapters.postgres.scores import PostgresScoreStore
from streams.domain.document import SourceClass, SourcePartition
from streams.settings import Settings
from streams.stages.close_windows import Closer
from tests.chaos.fold import fold
from tests.chaos.ledger import SOURCE_CLASS
from tests.chaos.tables import compare, stored_rows
from tests.databases import document_store
from tests.stateful.machine import DeliveryMachine
from tests.stateful.world import INFOS, PLACES, Worker
from tests.stored import close_all, drop_database, fresh_database

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from streams.adapters.postgres.runs import Run
    from streams.ports import DocumentStore, ScoreStore

pytestmark = [pytest.mark.integration, pytest.mark.slow]

STEPS = settings(
    max_examples=8, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)


class CrashError(Exception):
    """The process is gone in the middle of a step of the closer."""


class CrashingStore:
    """A closing store whose transactions end after so many calls; 0: they do not."""

    def __init__(self, inner: PostgresClosingStore) -> None:
        self._inner = inner
        self.calls_left = 0

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Any]:
        async with self._inner.transaction() as transaction:
            yield _Crashing(transaction, self)


class _Crashing:
    def __init__(self, inner: Any, store: CrashingStore) -> None:
        self._inner = inner
        self._store = store

    def __getattr__(self, name: str) -> Any:
        if self._store.calls_left:
            self._store.calls_left -= 1
            if not self._store.calls_left:
                raise CrashError(name)
        return getattr(self._inner, name)


class PostgresMachine(DeliveryMachine):
    """The rows are in tables, and windows close on the way."""

    url = ""

    def make_store(self) -> tuple[DocumentStore, ScoreStore]:
        self.database = Database(self.url, 4)
        self.run(self.database.open())
        self.disturbed = self.run(self._new_run("disturbed"))
        self.closing = self.run(self._closing(self.disturbed))
        return document_store(self.database, self.disturbed), PostgresScoreStore(self.database)

    async def _new_run(self, name: str) -> Run:
        async with self.database.transaction() as connection:
            run = await ensure_run(connection, name, kind="replay", notify=False, settings={}, gazetteer="")
        partitions = {SourcePartition(*place): (SourceClass(SOURCE_CLASS[place[0]]), 0) for place in PLACES}
        await document_store(self.database, run).register(partitions)
        await PostgresScoreStore(self.database).note_models(INFOS.values())
        return run

    async def _closing(self, run: Run) -> Closer:
        self.crashing = CrashingStore(PostgresClosingStore(self.database, run, Settings()))
        return Closer(self.crashing, Settings(), run.name, max_panes=7)  # type: ignore[arg-type]

    @rule(crashes_after=st.integers(0, 12))
    def close_windows(self, crashes_after: int) -> None:
        """As far as the watermarks allow; with a crash another closer goes on later."""
        self.crashing.calls_left = crashes_after
        try:
            self.run(close_all(self.closing, end_of_input=False))
        except CrashError:
            self.closing = self.run(self._closing(self.disturbed))
        self.crashing.calls_left = 0

    def compare(self) -> None:
        self.run(close_all(self.closing))
        with psycopg.connect(self.url) as connection:
            found = stored_rows(connection, "disturbed")
        rows = {place: end for place, end in dict(found["progress"]).items() if place in PLACES}
        expected = fold(self.log.ledger())
        expected.progress = self.log.ends()
        differences = compare(expected, found | {"progress": list(rows.items())})
        assert not differences.told, "\n".join(differences.told)
        assert self.run(self._undisturbed()) == self.run(fingerprint(self.database, "disturbed"))

    async def _undisturbed(self) -> Any:
        """The same log, read at once by one worker and closed once."""
        run = await self._new_run("undisturbed")
        worker = Worker(document_store(self.database, run), PostgresScoreStore(self.database), 1_000)
        await worker.assign(PLACES)
        for place in PLACES:
            await worker.read(self.log, place, 10_000)
        await worker.finish()
        await worker.die()
        await close_all(Closer(PostgresClosingStore(self.database, run, Settings()), Settings(), run.name))
        return await fingerprint(self.database, run.name)

    async def close(self) -> None:
        if not hasattr(self, "database"):
            return
        for name in ("disturbed", "undisturbed"):
            async with self.database.transaction() as connection:
                made = await connection.execute("SELECT 1 FROM core.run WHERE name = %s", (name,))
                there = await made.fetchone()
            if there:
                await drop_run(self.database, name)
        await self.database.close()


@pytest.fixture(scope="module")
def machine(postgres_url: str) -> Iterator[type[PostgresMachine]]:
    url = fresh_database(postgres_url)
    yield type("Machine", (PostgresMachine,), {"url": url})
    drop_database(postgres_url, url)


def test_whatever_happens_in_whatever_order_the_tables_hold_what_the_log_says(machine: type[PostgresMachine]):
    run_state_machine_as_test(machine, settings=STEPS)


def test_the_machine_finds_a_worker_that_loses_dead_letters(machine: type[PostgresMachine]):
    broken = type("Broken", (machine,), {"sabotage": "drop-dead-letter"})
    only_search = settings(STEPS, max_examples=20, phases=[Phase.generate], database=None)
    with pytest.raises((AssertionError, ExceptionGroup)):
        run_state_machine_as_test(broken, settings=only_search)
