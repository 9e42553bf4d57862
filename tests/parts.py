"""The real Kafka, Triton and PostgreSQL that tests run against.

In this order: what the environment names; containers, when a Docker engine answers (Triton stays the local
wheel, which needs no image of many gigabytes); else the local parts in `.local/test`. Each part starts when
it is first asked for. Several test sessions may share the local parts: the last one to leave stops them.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

from streams.local.addresses import Addresses
from streams.local.launcher import LocalParts
from streams.local.layout import project_directory
from streams.local.readiness import ensure_roles

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import IO

VARIABLES = {
    "kafka": "SENTIWATCH_KAFKA__BOOTSTRAP",
    "triton": "SENTIWATCH_TRITON__URL",
    "postgres": "SENTIWATCH_POSTGRES__URL",
}
KAFKA_IMAGE = "confluentinc/cp-kafka:8.0.0"
POSTGRES_IMAGE = "postgres:18"
DOCKER_SOCKET = Path("/var/run/docker.sock")
ANY_TIME = str(2**63 - 1)
# The containers' throw-away password.
PASSWORD = "only-for-tests"


def environment(addresses: Addresses) -> dict[str, str]:
    """The settings that point a `sentiwatch` process at these parts."""
    return {variable: url for part, variable in VARIABLES.items() if (url := getattr(addresses, part))}


class RealParts:
    """Starts each part on first demand and stops what it started on `close`."""

    def __init__(self) -> None:
        self.addresses = Addresses(**{part: os.environ.get(name) for part, name in VARIABLES.items()})
        self._given = {part for part in VARIABLES if getattr(self.addresses, part)}
        self._docker = _docker_answers()
        self._local: LocalParts | None = None
        self._visitor: IO[str] | None = None
        self._containers = contextlib.ExitStack()

    def need(self, *parts: str) -> Addresses:
        """The addresses, once these parts are ready."""
        for part in parts:
            if getattr(self.addresses, part) is None:
                self._merge(self._start(part))
        return self.addresses

    def close(self) -> None:
        self._containers.close()
        if self._local is not None and self._visitor is not None and _last(self._visitor):
            self._local.down(purge=True)
        if self._visitor is not None:
            self._visitor.close()

    def _start(self, part: str) -> Addresses:
        if self._docker and part == "kafka":
            return Addresses(kafka=self._containers.enter_context(_kafka_container()))
        if self._docker and part == "postgres":
            return self._containers.enter_context(_postgres_container())
        return self._local_parts().up({part})

    def _local_parts(self) -> LocalParts:
        if self._local is None:
            root = project_directory() / ".local" / "test"
            self._visitor = _enter(root)
            self._local = LocalParts(root)
        return self._local

    def _merge(self, found: Addresses) -> None:
        known = {field.name: getattr(found, field.name) for field in fields(found)}
        new = {name: value for name, value in known.items() if value and name not in self._given}
        self.addresses = replace(self.addresses, **new)


def _enter(root: Path) -> IO[str]:
    """Become one of the sessions that use these parts; the kernel forgets us when we die."""
    root.mkdir(parents=True, exist_ok=True)
    visitor = (root / "sessions.lock").open("w")
    fcntl.flock(visitor, fcntl.LOCK_SH)
    return visitor


def _last(visitor: IO[str]) -> bool:
    try:
        fcntl.flock(visitor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _docker_answers() -> bool:
    place = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
    if place.startswith("unix://") and not _accepts(place.removeprefix("unix://")):
        return False  # asked first: the client leaves its socket open when nobody answers
    import docker
    from docker.errors import DockerException

    try:
        with contextlib.closing(docker.from_env(timeout=3)) as client:
            return bool(client.ping())
    except DockerException:
        return False


def _accepts(path: str) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(path)
        except OSError:
            return False
    return True


@contextlib.contextmanager
def _kafka_container() -> Iterator[str]:
    from testcontainers.community.kafka import KafkaContainer

    broker = KafkaContainer(KAFKA_IMAGE).with_kraft()
    broker.with_env("KAFKA_AUTO_CREATE_TOPICS_ENABLE", "false")
    broker.with_env("KAFKA_LOG_RETENTION_MS", "-1")
    broker.with_env("KAFKA_MESSAGE_MAX_BYTES", str(4 * 2**20))
    for side in ("BEFORE", "AFTER"):
        broker.with_env(f"KAFKA_LOG_MESSAGE_TIMESTAMP_{side}_MAX_MS", ANY_TIME)
    with broker:
        yield broker.get_bootstrap_server()


@contextlib.contextmanager
def _postgres_container() -> Iterator[Addresses]:
    from testcontainers.community.postgres import PostgresContainer

    server = PostgresContainer(
        POSTGRES_IMAGE, username="postgres", password=PASSWORD, dbname="postgres", driver=None
    )
    with server:
        place = server.get_connection_url().rpartition("@")[2].partition("/")[0]
        passwords = {"sentiwatch": PASSWORD, "bi_reader": PASSWORD}
        ensure_roles(server.get_connection_url(), "sentiwatch", "sentiwatch", "bi_reader", passwords)
        yield Addresses(
            postgres=f"postgresql://sentiwatch:{PASSWORD}@{place}/sentiwatch",
            postgres_bi=f"postgresql://bi_reader:{PASSWORD}@{place}/sentiwatch",
        )
