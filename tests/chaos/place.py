"""The parts of one job: its own Kafka, Triton with toy models, and Postgres, in a directory of its own, on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
from aiokafka.admin import AIOKafkaAdminClient

from streams.adapters.kafka.admin import KafkaAdmin, end_offsets
from streams.adapters.postgres.connection import Database
from streams.adapters.postgres.migrate import upgrade
from streams.adapters.postgres.results import fingerprint
from streams.adapters.postgres.runs import drop_run
from streams.local.launcher import LocalParts
from streams.settings import KafkaSettings
from streams.wire.topics import INPUT_TOPICS, SOURCE_CLASSES, TOPICS
from tests.chaos.disk import SmallDisk
from tests.chaos.nursery import Nursery
from tests.chaos.stream import PARTITIONS
from tests.chaos.toys import make_repository

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType
    from typing import Self

    from streams.local.addresses import Addresses

JOB = "CHAOS_JOB"
CLEAR_SCORES = """
    DELETE FROM core.score
    WHERE mod(hashtextextended(encode(text_hash, 'hex') || target || model, %s), 2) = 0
"""


def wait_for(condition: Any, what: str, seconds: float = 60.0) -> None:
    """Poll a condition.

    Raises:
        TimeoutError: it did not come true in time.
    """
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            raise TimeoutError(f"{what}: not within {seconds:.0f} s")
        time.sleep(0.05)


@dataclass
class Place:
    """Starts the parts on entering, and leaves nothing behind."""

    root: Path
    parts: LocalParts = field(init=False)
    addresses: Addresses = field(init=False)
    disk: SmallDisk = field(init=False)
    nursery: Nursery = field(init=False)

    def __enter__(self) -> Self:
        self.parts = LocalParts(self.root, models=make_repository(self.root / "models"))
        self.disk = SmallDisk(self.root / "small-disk")
        self.nursery = Nursery({JOB: str(self.root)})
        self.parts.down(purge=True)  # what a run that was killed has left
        try:
            self.nursery.__enter__()
            self.addresses = self.parts.up()
            upgrade(self.url)
            self.disk.offer(self.admin_url)
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.nursery.__exit__()
        for part in ("kafka", "triton", "postgres"):
            self.parts.kill(part, 18)  # SIGCONT: a stopped process cannot end in order
        self.parts.down(purge=True)
        self.disk.remove()

    @property
    def url(self) -> str:
        return self.addresses.postgres or ""

    @property
    def admin_url(self) -> str:
        """The superuser's login to the same database."""
        secret = self.parts.store.secret("postgres.postgres")
        where = self.url.rpartition("@")[2]
        return f"postgresql://postgres:{secret}@{where}"

    @property
    def kafka(self) -> KafkaSettings:
        return KafkaSettings(bootstrap=self.addresses.kafka or "", partitions=PARTITIONS)

    @contextlib.contextmanager
    def database(self, *, admin: bool = False) -> Iterator[psycopg.Connection[Any]]:
        """A short connection of the harness, told from the workers' by its name."""
        with psycopg.connect(
            self.admin_url if admin else self.url,
            autocommit=True, application_name="chaos", connect_timeout=5,
        ) as connection:  # fmt: skip
            yield connection

    def variables(self, run: str, **changes: str) -> dict[str, str]:
        """The environment of a process that works on a run here; nothing of the caller's settings."""
        inherited = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("SENTIWATCH_", "CHAOS_"))
        }
        own = {
            "PYTHONPATH": str(Path(__file__).parents[2]),
            JOB: str(self.root),
            "SENTIWATCH_LOCAL_DIR": str(self.root),
            "SENTIWATCH_POSTGRES__URL": self.url,
            "SENTIWATCH_KAFKA__BOOTSTRAP": self.addresses.kafka or "",
            "SENTIWATCH_TRITON__URL": self.addresses.triton or "",
            "SENTIWATCH_KAFKA__GROUP": run,
            "SENTIWATCH_KAFKA__PARTITIONS": str(PARTITIONS),
            "SENTIWATCH_KAFKA__SESSION_TIMEOUT": "PT6S",
            "SENTIWATCH_RUN": run,
            "SENTIWATCH_NOTIFY": "true",
            "SENTIWATCH_WORKER__SLICE_RECORDS": "16",
            # a stream has two and a half days, of which the broken records degrade some hours
            "SENTIWATCH_DETECTOR__MIN_HISTORY": "P1D",
        }
        return inherited | own | changes

    def empty_topics(self) -> None:
        """All topics made anew: offsets begin at zero."""

        async def remake() -> None:
            async with KafkaAdmin.connect(self.kafka) as admin:
                there = await admin.describe(TOPICS)
                doomed = [topic for topic in INPUT_TOPICS if topic.name in there]
                if doomed:
                    await admin.delete(doomed)
                while doomed and await admin.describe(doomed):  # noqa: ASYNC110 - no event tells it
                    await asyncio.sleep(0.05)
                await admin.create(TOPICS)

        asyncio.run(remake())

    def ends(self) -> dict[tuple[str, int], int]:
        """The end offset of every input partition."""
        found = asyncio.run(end_offsets(self.kafka, list(SOURCE_CLASSES)))
        return {(source.topic, source.partition): end for source, end in found.items()}

    def committed(self, group: str) -> dict[tuple[str, int], int]:
        """What Kafka remembers of a consumer group."""

        async def ask() -> Any:
            client = AIOKafkaAdminClient(bootstrap_servers=self.addresses.kafka)
            await client.start()
            try:
                return await client.list_consumer_group_offsets(group)
            finally:
                await client.close()

        return {(tp.topic, tp.partition): at.offset for tp, at in asyncio.run(ask()).items()}

    def stored(self, run: str) -> int:
        """Records that the run has made progress over; 0 while Postgres is away."""
        query = (
            "SELECT coalesce(sum(next_offset), 0)::int FROM core.source_progress JOIN core.run USING (run_id)"
            " WHERE name = %s"
        )
        try:
            with self.database() as connection:
                row = connection.execute(query, (run,)).fetchone()
        except psycopg.Error:
            return 0
        return row[0] if row else 0

    def fingerprint(self, run: str) -> dict[str, str]:
        """The digest of each final table."""

        async def ask() -> dict[str, str]:
            database = Database(self.url, 2)
            await database.open()
            try:
                return (await fingerprint(database, run)).tables
            finally:
                await database.close()

        return asyncio.run(ask())

    def drop(self, run: str) -> None:
        async def go() -> None:
            database = Database(self.url, 2)
            await database.open()
            try:
                await drop_run(database, run)
            finally:
                await database.close()

        asyncio.run(go())

    def clear_scores(self, seed: int) -> int:
        """Forget a seeded half of the stored scores; returns how many."""
        with self.database() as connection:
            return connection.execute(CLEAR_SCORES, (seed,)).rowcount

    def sessions(self) -> int:
        """Database sessions of workers."""
        with self.database(admin=True) as connection:
            row = connection.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'sentiwatch'"
            ).fetchone()
        return row[0] if row else 0

    def processes(self) -> list[int]:
        """Processes of workers of this place, whoever their parent is now."""
        mark = f"{JOB}={self.root}".encode()
        found = []
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit() or int(entry.name) == self.nursery.pid:
                continue
            with contextlib.suppress(OSError):
                if mark in (entry / "environ").read_bytes().split(b"\0"):
                    found.append(int(entry.name))
        return found
