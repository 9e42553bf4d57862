"""What was started, on which ports and with which passwords: files that outlive the launcher."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import secrets
import time
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from streams.errors import Unavailable
from streams.local.processes import ProcessId

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class PartState:
    """One part as last started. ``process`` is None after an orderly stop; the ports are asked for again."""

    process: ProcessId | None = None
    ports: Mapping[str, int] = field(default_factory=dict)
    addresses: Mapping[str, str] = field(default_factory=dict)


class StateStore:
    """The files under ``run/``: readable by their owner only, replaced as a whole."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def read(self, part: str) -> PartState:
        """The last state; an empty one when there is none or the file is damaged."""
        try:
            return _decode(json.loads(self._path(part).read_text()))
        except (OSError, ValueError, KeyError, TypeError):
            return PartState()

    def write(self, part: str, state: PartState) -> None:
        self._replace(self._path(part), asdict(state))

    def secret(self, name: str) -> str:
        """A password, made on first use and the same ever after (until `forget`)."""
        known = self.secrets()
        if name not in known:
            known[name] = secrets.token_urlsafe(24)
            self._replace(self.directory / "secrets.json", known)
        return known[name]

    def secrets(self) -> dict[str, str]:
        try:
            found: dict[str, str] = json.loads((self.directory / "secrets.json").read_text())
        except (OSError, ValueError):
            return {}
        return found

    def forget(self) -> None:
        """Remove ports and passwords: their data is gone."""
        for path in self.directory.glob("*.json"):
            path.unlink(missing_ok=True)

    @contextlib.contextmanager
    def lock(self, wait: timedelta = timedelta(minutes=5)) -> Iterator[None]:
        """One launcher at a time for a copy; the kernel releases it when its holder dies.

        Raises:
            Unavailable: another one is still at work after ``wait``.
        """
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        deadline = time.monotonic() + wait.total_seconds()
        with (self.directory / "lock").open("w") as handle:
            while not _try_lock(handle.fileno()):
                if time.monotonic() > deadline:
                    raise Unavailable(f"another launcher has been at work in {self.directory} for {wait}")
                time.sleep(0.1)
            yield

    def _path(self, part: str) -> Path:
        return self.directory / f"{part}.json"

    def _replace(self, path: Path, content: Mapping[str, Any]) -> None:
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}.tmp")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as output:
            json.dump(content, output, indent=1)
        draft.replace(path)


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _decode(raw: Mapping[str, Any]) -> PartState:
    process = raw["process"]
    return PartState(
        process=ProcessId(**process) if process else None,
        ports={name: int(port) for name, port in raw["ports"].items()},
        addresses=dict(raw["addresses"]),
    )
