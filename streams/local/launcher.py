"""up, down, status of the local parts.

The launcher keeps nothing in memory that matters: what runs is read from the state files and from /proc, so a
launcher that was killed at any point is followed by one that finds the same things.
"""

from __future__ import annotations

import signal as signals
import threading
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from streams.errors import SentiwatchError, Unavailable
from streams.local import readiness
from streams.local.addresses import Addresses, combine
from streams.local.kafka import LocalKafka
from streams.local.layout import default_layout
from streams.local.postgres import LocalPostgres
from streams.local.processes import end, is_alive, owned, send, spawn
from streams.local.sockets import choose, is_free
from streams.local.state import PartState, StateStore
from streams.local.triton import LocalTriton

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from pathlib import Path

    from streams.local.part import Part
    from streams.local.programs import Toolbox

ALL = frozenset({"kafka", "triton", "postgres"})
WAIT = timedelta(minutes=3)
"""Longest start: a loaded two-core machine needs half a minute for Kafka."""
CHECK = timedelta(seconds=15)
PAUSE = 0.1
LOG_LIMIT = 20_000_000


@dataclass(frozen=True, slots=True)
class PartStatus:
    """What `status` tells of one part. ``reason`` says why it is not ready."""

    ready: bool
    addresses: Mapping[str, str] = field(default_factory=dict)
    external: bool = False
    pid: int | None = None
    reason: str = ""


def _silent(part: str, stage: str) -> None:
    del part, stage


class LocalParts:
    """The local Kafka, Triton and PostgreSQL of one state directory.

    ``external`` names parts that run elsewhere: they are checked, never started or stopped.
    ``models`` is Triton's model repository (default: the project's).
    """

    def __init__(
        self,
        root: Path | None = None,
        *,
        external: Addresses | None = None,
        models: Path | None = None,
        tools: Toolbox | None = None,
        wait: timedelta = WAIT,
    ) -> None:
        self.layout = default_layout(root)
        self.store = StateStore(self.layout.run)
        self._external = _external_checks(external or Addresses())
        self._wait = wait
        mark = f"@{self.layout.root}"
        self._parts: dict[str, Part] = {
            "kafka": LocalKafka(self.layout, f"kafka{mark}", tools),
            "triton": LocalTriton(self.layout, f"triton{mark}", models),
            "postgres": LocalPostgres(self.layout, f"postgres{mark}", self.store, tools),
        }

    def up(
        self, parts: Collection[str] = ALL, on_progress: Callable[[str, str], None] = _silent
    ) -> Addresses:
        """Bring the parts up, in parallel, each ready for use on return; parts that are ready already stay.

        Raises:
            Misconfigured: something must be installed or set first; nothing was started.
            Unavailable: a part did not become ready; what this call started is stopped again.
        """
        with self.store.lock():
            start = _Start(self, on_progress)
            start.run([name for name in self._parts if name in parts])
        return self.addresses()

    def down(self, parts: Collection[str] = ALL, *, purge: bool = False) -> int:
        """Stop the parts and whatever was left of them; returns how many processes were ended.

        ``purge`` also removes their data and logs, and with all parts also ports and passwords.
        """
        if not self.layout.run.is_dir():
            return 0
        with self.store.lock():
            named = [part for name, part in self._parts.items() if name in parts]
            with ThreadPoolExecutor(len(self._parts)) as pool:
                ended = sum(pool.map(self.stop, named))
            if purge:
                self._purge(named)
        return ended

    def status(self, limit: timedelta = CHECK) -> dict[str, PartStatus]:
        """Each part as it is now, checked for real."""
        with ThreadPoolExecutor(len(self._parts)) as pool:
            found = pool.map(lambda name: self._status(name, limit), self._parts)
            return dict(zip(self._parts, found, strict=True))

    def addresses(self) -> Addresses:
        """Where the parts listen: the external ones and the local ones whose process runs."""
        found = {}
        for name in self._parts:
            state = self.store.read(name)
            if name in self._external:
                found[name] = self._external[name].addresses
            elif state.process is not None and is_alive(state.process):
                found[name] = dict(state.addresses)
        return combine(found)

    def kill(self, part: str, number: int = signals.SIGKILL) -> bool:
        """Send a signal to the part's main process only, as an accident would; False when it does not run."""
        process = self.store.read(part).process
        return process is not None and send(process, number)

    def start(self, part: str) -> Addresses:
        """Bring one part up again, on the same ports."""
        return self.up({part})

    def stop(self, part: Part) -> int:
        """End one part and what was left of it; keeps its ports for the next start. Call under the lock."""
        state = self.store.read(part.name)
        ended = end(part.ownership(state.process), part.polite, part.grace)
        part.sweep()
        if state.process is not None:
            self.store.write(part.name, PartState(ports=state.ports))
        return ended

    def log_tail(self, part: str, lines: int = 1) -> str:
        """The last lines of a part's log."""
        path = self.layout.log / f"{part}.log"
        if not path.is_file():
            return ""
        with path.open(errors="replace") as text:
            return "\n".join(line.strip() for line in deque(text, lines))

    def _status(self, name: str, limit: timedelta) -> PartStatus:
        outside = self._external.get(name)
        if outside is not None:
            reason = _refusal(lambda: outside.check(limit))
            return PartStatus(not reason, outside.addresses, external=True, reason=reason)
        state = self.store.read(name)
        if state.process is None or not is_alive(state.process):
            reason = "not started" if state.process is None else "ended by itself"
            return PartStatus(ready=False, reason=reason)
        reason = _refusal(lambda: self._parts[name].check(state.ports, limit))
        return PartStatus(not reason, state.addresses, pid=state.process.pid, reason=reason)

    def _purge(self, parts: Collection[Part]) -> None:
        for part in parts:
            part.purge()
            for log in self.layout.log.glob(f"{part.name}.log*"):
                log.unlink(missing_ok=True)
        if len(parts) == len(self._parts):
            self.store.forget()
            if self.layout.data.is_dir() and not any(self.layout.data.iterdir()):
                self.layout.data.rmdir()


class _Start:
    """One `up`: what it started is stopped again when it fails or is interrupted."""

    def __init__(self, parts: LocalParts, on_progress: Callable[[str, str], None]) -> None:
        self._local = parts
        self._tell = on_progress
        self._cancelled = threading.Event()
        self._started: list[Part] = []
        self._taken: set[int] = set()

    def run(self, names: Collection[str]) -> None:
        with ThreadPoolExecutor(max(1, len(names))) as pool:
            try:
                for work in (self._require, self._bring_up):
                    outcomes = [pool.submit(work, name) for name in names]
                    for outcome in outcomes:
                        outcome.result()
            except BaseException:
                self._cancelled.set()
                pool.shutdown(wait=True)
                for part in self._started:
                    self._local.stop(part)
                raise

    def _require(self, name: str) -> None:
        if name not in self._local._external:  # noqa: SLF001 - one half of the same class
            self._tell(name, "checking what it needs")
            self._local._parts[name].require()  # noqa: SLF001

    def _bring_up(self, name: str) -> None:
        outside = self._local._external.get(name)  # noqa: SLF001
        if outside is not None:
            outside.check(CHECK)
            self._tell(name, "ready (not ours)")
            return
        part = self._local._parts[name]  # noqa: SLF001
        began = time.monotonic()
        if self._runs(part):
            self._tell(name, "ready (was running)")
            return
        for attempt in (1, 2):
            if self._launch(part, last=attempt == 2):
                break
        self._tell(name, f"ready after {time.monotonic() - began:.1f} s")

    def _runs(self, part: Part) -> bool:
        """Whether it is up already; what is left of a dead or deaf one is ended."""
        state = self._local.store.read(part.name)
        alive = state.process is not None and is_alive(state.process)
        if alive and not _refusal(lambda: part.check(state.ports, CHECK)):
            part.settle(state.ports)
            return True
        if owned(part.ownership(state.process)):
            self._tell(part.name, "ending what was left")
        self._local.stop(part)
        return False

    def _launch(self, part: Part, *, last: bool) -> bool:
        """Start it and wait. False when somebody took a port of it meanwhile: a second try makes sense."""
        store, log = self._local.store, self._local.layout.log
        ports = choose(part.port_names, store.read(part.name).ports, self._taken)
        self._tell(part.name, "preparing")
        launch = part.prepare(ports)
        self._started.append(part)
        log.mkdir(parents=True, exist_ok=True)
        process = spawn(launch, _rotated(log / f"{part.name}.log"))
        state = PartState(process, ports, part.describe(ports))
        store.write(part.name, state)
        self._tell(part.name, "waiting until it is ready")
        try:
            self._wait_ready(part, state)
        except _EndedError:
            if last or all(is_free(port) for port in ports.values()):
                said = f"({log / part.name}.log): {self._local.log_tail(part.name)}"
                raise Unavailable(f"{part.name} ended while starting {said}") from None
            store.write(part.name, replace(state, process=None))
            return False
        part.settle(ports)
        return True

    def _wait_ready(self, part: Part, state: PartState) -> None:
        deadline = time.monotonic() + self._local._wait.total_seconds()  # noqa: SLF001
        while True:
            if state.process is None or not is_alive(state.process):
                raise _EndedError
            if self._cancelled.is_set():
                raise Unavailable(f"{part.name}: the start was cancelled")
            try:
                part.check(state.ports, CHECK)
            except Unavailable as error:
                if time.monotonic() > deadline:
                    raise Unavailable(f"{part.name} is still not ready: {error}") from error
            else:
                return
            time.sleep(PAUSE)


class _EndedError(Exception):
    """The process is gone."""


@dataclass(frozen=True, slots=True)
class _External:
    addresses: dict[str, str]
    check: Callable[[timedelta], None]


def _external_checks(given: Addresses) -> dict[str, _External]:
    found = {}
    if (kafka := given.kafka) is not None:
        found["kafka"] = _External({"bootstrap": kafka}, partial(readiness.metadata, kafka))
    if (triton := given.triton) is not None:
        check = partial(readiness.infer_on_every_model, triton)
        found["triton"] = _External({"grpc": triton}, check)
    if (postgres := given.postgres) is not None:
        found["postgres"] = _External({"url": postgres}, partial(readiness.query, postgres))
    return found


def _refusal(check: Callable[[], None]) -> str:
    """Why the check fails; empty when it passes."""
    try:
        check()
    except SentiwatchError as error:
        return str(error)
    return ""


def _rotated(log: Path) -> Path:
    if log.is_file() and log.stat().st_size > LOG_LIMIT:
        log.replace(log.with_suffix(".log.1"))
    return log
