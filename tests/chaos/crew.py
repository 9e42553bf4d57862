"""The workers of a round, and their supervisor: a worker that dies is started again, as in production."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.chaos.place import wait_for

if TYPE_CHECKING:
    import signal
    from pathlib import Path
    from typing import Self

    from tests.chaos.nursery import Child
    from tests.chaos.place import Place

RESTARTS = 30
"""Starts of one worker after which something is wrong with it: while Postgres is away it ends at once."""
RESTART_SECONDS = 0.4


@dataclass
class Member:
    """One worker of the crew; ``process`` is its present incarnation."""

    name: str
    arguments: tuple[str, ...]
    changes: dict[str, str]
    process: Child
    starts: int = 1
    leaving: bool = False
    gave_up: bool = False
    died_at: float = 0.0
    codes: list[int] = field(default_factory=list)


class Crew:
    """Use it as a context; whatever still runs at its end is killed."""

    def __init__(self, place: Place, run: str, log: Path, settings: dict[str, str]) -> None:
        self._place = place
        self._run = run
        self._settings = settings
        self._log = log
        self._lock = threading.Lock()
        self._members: dict[str, Member] = {}
        self._ended = threading.Event()
        self._watcher = threading.Thread(target=self._watch, daemon=True)
        self.deaths: list[float] = []
        """When a worker died without being told to, by the monotonic clock."""

    def __enter__(self) -> Self:
        self._watcher.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._watcher.join()
        for member in self._members.values():
            if member.process.poll() is None:
                member.process.kill()
            member.process.wait()

    def start(self, name: str, *arguments: str, point: str = "", **changes: str) -> None:
        """A worker of this name; with ``point`` its first incarnation dies there."""
        fixed = {"SENTIWATCH_KAFKA__INSTANCE_ID": f"{self._run}-{name}", **changes}
        first = fixed | ({"CHAOS_POINT": point} if point else {})
        with self._lock:
            self._members[name] = Member(name, arguments, fixed, self._spawn(arguments, first))

    def _spawn(self, arguments: tuple[str, ...], changes: dict[str, str]) -> Child:
        environment = self._place.variables(self._run, **self._settings, **changes)
        return self._place.nursery.spawn(("worker", *arguments), environment, self._log)

    def kill(self, name: str) -> None:
        """Kill -9; the supervisor starts it again."""
        self._members[name].process.kill()

    def send(self, name: str, number: signal.Signals) -> None:
        self._members[name].process.send_signal(number)

    def leave(self, name: str) -> None:
        """Told to end, and not started again."""
        with self._lock:
            self._members[name].leaving = True
        self._members[name].process.terminate()

    def lose(self, name: str) -> None:
        """Killed for good: its machine is gone."""
        with self._lock:
            self._members[name].leaving = True
        self._members[name].process.kill()

    def names(self) -> list[str]:
        return [name for name, member in self._members.items() if not member.leaving]

    def finish(self, seconds: float) -> list[int]:
        """Wait until all those that were told to leave are gone; the exit codes of their last incarnations."""
        leaving = [member for member in self._members.values() if member.leaving]
        wait_for(lambda: all(m.process.poll() is not None for m in leaving), "workers end", seconds)
        return [member.process.returncode for member in leaving]

    def drain(self, point: str, seconds: float, **changes: str) -> None:
        """A worker with --drain until it ends well; it may die at its point, and is started again."""
        self.start("drain", "--drain", point=point, **changes)
        member = self._members["drain"]
        wait_for(lambda: member.leaving, "the drain ends", seconds)
        if member.gave_up:
            told = self._log.read_text().strip().splitlines()
            raise RuntimeError(f"the drain cannot be kept alive: {told[-1] if told else 'it says nothing'}")

    def _watch(self) -> None:
        while not self._ended.wait(0.05):
            with self._lock:
                for member in self._members.values():
                    self._look_after(member)

    def _look_after(self, member: Member) -> None:
        code, now = member.process.poll(), time.monotonic()
        if member.leaving or code is None:
            return
        if code == 0 and "--drain" in member.arguments:
            member.leaving = True
        elif not member.died_at:
            member.died_at = now
            member.codes.append(code)
            self.deaths.append(now)
            member.gave_up = member.leaving = member.starts >= RESTARTS
        elif now - member.died_at > RESTART_SECONDS:
            member.starts += 1
            member.process, member.died_at = self._spawn(member.arguments, member.changes), 0.0
