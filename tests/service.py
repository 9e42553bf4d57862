"""A deployment of its own on the shared parts: a database, a consumer group, and workers as real processes.

The topics are shared by all tests. A run starts at their ends, as if they were empty.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import psycopg

from streams.adapters.kafka.admin import KafkaAdmin, end_offsets
from streams.adapters.kafka.producer import KafkaProducer
from streams.settings import KafkaSettings
from streams.wire.topics import SOURCE_CLASSES, TOPICS
from tests.databases import document_store, open_run
from tests.parts import environment
from tests.stored import drop_database, fresh_database

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from streams.domain.document import SourcePartition
    from streams.local.addresses import Addresses
    from streams.wire.outgoing import Outgoing

PATIENCE = 180.0
"""Seconds after which a wait is a failure, on the slowest machine."""
COMMAND = (sys.executable, "-m", "streams")


def wait_until(condition: Callable[[], object], what: str, seconds: float = PATIENCE) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, f"{what}: not within {seconds:.0f} s"
        time.sleep(0.05)


def fetch(address: str, token: str = "", accept: str = "text/plain") -> tuple[int, str]:
    """Status and body of a page; 0 while nobody listens."""
    headers = {"Accept": accept} | ({"Authorization": f"Bearer {token}"} if token else {})
    request = urllib.request.Request(address, headers=headers)  # noqa: S310 - an address of ours
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - the same
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as refused:
        return refused.code, refused.read().decode()
    except OSError:
        return 0, ""


@dataclass
class Deployment:
    """Where one test's workers read and write."""

    addresses: Addresses
    url: str
    kafka: KafkaSettings
    starts: dict[SourcePartition, int]
    running: list[subprocess.Popen[str]] = field(default_factory=list)

    def variables(self, run: str, **changes: str) -> dict[str, str]:
        own = {
            **environment(self.addresses),
            "SENTIWATCH_POSTGRES__URL": self.url,
            "SENTIWATCH_KAFKA__GROUP": f"{self.kafka.group}-{run}",
            "SENTIWATCH_RUN": run,
            "SENTIWATCH_WORKER__SLICE_RECORDS": "32",
            "SENTIWATCH_WEB__PORT": "0",
            "SENTIWATCH_KAFKA__SESSION_TIMEOUT": "PT6S",
        }
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("SENTIWATCH_")}
        return inherited | own | changes

    def add_run(self, run: str) -> None:
        """A run that starts where the topics ended when this deployment was made."""

        async def register() -> None:
            async with open_run(self.url, name=run) as (database, made):
                starts = {
                    source: (SOURCE_CLASSES[source.topic], offset) for source, offset in self.starts.items()
                }
                await document_store(database, made).register(starts)

        asyncio.run(register())

    def start(self, run: str, *arguments: str, **changes: str) -> subprocess.Popen[str]:
        """A worker process."""
        process = subprocess.Popen(
            [*COMMAND, "worker", *arguments],
            env=self.variables(run, **changes),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.running.append(process)
        return process

    def finish(self, process: subprocess.Popen[str], seconds: float = PATIENCE) -> tuple[int, str, str]:
        """Exit status, stdout and stderr, once it has ended."""
        out, err = process.communicate(timeout=seconds)
        return process.returncode, out, err

    def drain(self, run: str) -> dict[str, float]:
        """Run a worker to the end of what is there now; its closing figures."""
        code, out, err = self.finish(self.start(run, "--drain", "--json"))
        assert code == 0, err
        figures: dict[str, float] = json.loads(out)
        return figures

    def command(self, run: str, *arguments: str) -> str:
        return subprocess.run(
            [*COMMAND, *arguments], env=self.variables(run), capture_output=True, text=True, check=True
        ).stdout.strip()

    def publish(self, records: Sequence[Outgoing]) -> None:
        async def send() -> None:
            async with KafkaProducer.connect(self.kafka) as producer:
                await producer.publish(records)

        asyncio.run(send())

    def rows(self, query: str, run: str, **values: Any) -> list[tuple[Any, ...]]:
        """Rows of a query that says ``%(run)s`` for the run's id."""
        with psycopg.connect(self.url) as connection:
            found = connection.execute("SELECT run_id FROM core.run WHERE name = %s", (run,)).fetchone()
            assert found is not None
            return connection.execute(query, {"run": found[0], **values}).fetchall()

    def stored(self, run: str) -> int:
        """Records stored since this deployment was made."""
        rows = self.rows("SELECT next_offset FROM core.source_progress WHERE run_id = %(run)s", run)
        return sum(row[0] for row in rows) - sum(self.starts.values())

    def close(self) -> None:
        for process in self.running:
            if process.poll() is None:
                process.kill()
            process.wait()
            for stream in (process.stdout, process.stderr):
                if stream is not None:
                    stream.close()


@contextmanager
def deployed(addresses: Addresses) -> Iterator[Deployment]:
    """A deployment whose database goes with it."""
    assert addresses.kafka
    assert addresses.postgres
    kafka = KafkaSettings(bootstrap=addresses.kafka, group=f"test-{uuid.uuid4().hex[:8]}")

    async def prepare() -> dict[SourcePartition, int]:
        async with KafkaAdmin.connect(kafka) as admin:
            await admin.create(TOPICS)
        return await end_offsets(kafka, list(SOURCE_CLASSES))

    url = fresh_database(addresses.postgres)
    deployment = Deployment(addresses, url, kafka, asyncio.run(prepare()))
    try:
        yield deployment
    finally:
        deployment.close()
        drop_database(addresses.postgres, url)
