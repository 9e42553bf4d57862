"""Who is ours in /proc, and how it is ended.

A process id alone proves nothing: it may have been given to somebody else since. A process is ours when

1. its id *and* its start time are the recorded ones, on the same boot; or
2. its session was opened by a recorded process (a session's id is not given away while it has members); or
3. it carries our mark in its environment (children inherit it); or
4. it is the given program working in our data directory (PostgreSQL's backends leave the session and
   overwrite their environment with their title).

2 to 4 find what a kill -9 of the launcher or of a part leaves behind.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

MARK = "SENTIWATCH_LOCAL_PART"
PROC = Path("/proc")

# Kept so that an ended child is reaped, and no earlier: a reaped id may be given away.
_children: dict[int, subprocess.Popen[bytes]] = {}


@dataclass(frozen=True, slots=True)
class ProcessId:
    """One process for all time: the id, its start (clock ticks since boot) and the boot."""

    pid: int
    started: int
    boot: str


@dataclass(frozen=True, slots=True)
class Stat:
    """The fields of /proc/<pid>/stat that the launcher reads."""

    pid: int
    state: str
    parent: int
    session: int
    started: int

    @property
    def dead(self) -> bool:
        """Ended, though its parent may not have asked for the exit status yet."""
        return self.state in "ZX"


@dataclass(frozen=True, slots=True)
class Ownership:
    """How to recognise the processes of one part of one copy."""

    mark: str
    recorded: ProcessId | None = None
    program: str | None = None
    directory: Path | None = None


@dataclass(frozen=True, slots=True)
class Launch:
    """A command to run in a session of its own; ``user`` is a numeric user id to change to."""

    argv: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    directory: Path | None = None
    user: int | None = None


@cache
def boot_id() -> str:
    return (PROC / "sys/kernel/random/boot_id").read_text().strip()


def read_stat(pid: int) -> Stat | None:
    """None when there is no such process."""
    try:
        text = (PROC / str(pid) / "stat").read_text()
    except OSError:
        return None
    # The command name may hold spaces and brackets: what counts starts after the last bracket.
    values = text[text.rindex(")") + 2 :].split()
    return Stat(pid, values[0], parent=int(values[1]), session=int(values[3]), started=int(values[19]))


def identify(pid: int) -> ProcessId | None:
    stat = read_stat(pid)
    return None if stat is None or stat.dead else ProcessId(pid, stat.started, boot_id())


def is_alive(process: ProcessId) -> bool:
    """Whether this very process runs; False when its id belongs to another one now."""
    child = _children.get(process.pid)
    if child is not None and child.poll() is not None:
        _children.pop(process.pid, None)
    return identify(process.pid) == process


def owned(ownership: Ownership) -> list[ProcessId]:
    """Every living process of the part, the recorded one first."""
    found = [process for stat in _all() if (process := _claim(stat, ownership)) is not None]
    return sorted(found, key=lambda process: process != ownership.recorded)


def spawn(launch: Launch, log: Path) -> ProcessId:
    """Start the command detached from this process; its output goes to ``log``.

    Raises:
        OSError: the program cannot be started.
    """
    with log.open("ab") as output:
        child = subprocess.Popen(
            launch.argv,
            env=dict(launch.environment),
            cwd=launch.directory,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            user=launch.user,
            group=launch.user,
            extra_groups=None if launch.user is None else [],
        )
    _children[child.pid] = child
    stat = read_stat(child.pid)  # our own child: it stays readable until we reap it
    return ProcessId(child.pid, stat.started if stat else 0, boot_id())


def send(process: ProcessId, number: int) -> bool:
    """Signal this very process; False when it is gone. Never reaches a later owner of the id."""
    try:
        handle = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return False
    except OSError:  # a kernel without pidfd: the check below leaves a gap of microseconds
        handle = -1
    try:
        if not is_alive(process):
            return False
        if handle < 0:
            os.kill(process.pid, number)
        else:
            signal.pidfd_send_signal(handle, number)
    except ProcessLookupError:
        return False
    finally:
        if handle >= 0:
            os.close(handle)
    return True


def end(ownership: Ownership, polite: signal.Signals, grace: timedelta) -> int:
    """End every process of the part: politely, after ``grace`` for certain. Returns how many there were."""
    first = owned(ownership)
    # A leader ends its children in order. What has lost its leader has nothing left to finish.
    leaders = _leaders(first)
    for process in leaders:
        send(process, polite)
    _wait_gone(leaders, grace)
    deadline = time.monotonic() + 10
    while (left := owned(ownership)) and time.monotonic() < deadline:
        for process in left:
            send(process, signal.SIGKILL)
        _wait_gone(left, timedelta(seconds=1))
    return len(first)


def _leaders(processes: Collection[ProcessId]) -> list[ProcessId]:
    """Those that opened their session and are nobody's child among these."""
    ours = {process.pid for process in processes}
    stats = {process: read_stat(process.pid) for process in processes}
    return [
        process
        for process, stat in stats.items()
        if stat is not None and stat.session == process.pid and stat.parent not in ours
    ]


def _wait_gone(processes: Collection[ProcessId], limit: timedelta) -> None:
    deadline = time.monotonic() + limit.total_seconds()
    while any(is_alive(process) for process in processes) and time.monotonic() < deadline:
        time.sleep(0.02)


def _all() -> Iterator[Stat]:
    for entry in PROC.iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            stat = read_stat(int(entry.name))
            if stat is not None and not stat.dead:
                yield stat


def _claim(stat: Stat, ownership: Ownership) -> ProcessId | None:
    process = ProcessId(stat.pid, stat.started, boot_id())
    recorded = ownership.recorded
    ours = (
        process == recorded
        or (recorded is not None and _in_session(stat, recorded))
        or _carries(stat.pid, ownership.mark)
        or _works_in(stat.pid, ownership)
    )
    return process if ours else None


def _in_session(stat: Stat, leader: ProcessId) -> bool:
    if stat.session != leader.pid or leader.boot != boot_id() or stat.started < leader.started:
        return False
    opened_by = read_stat(leader.pid)
    return opened_by is None or opened_by.started == leader.started


def _carries(pid: int, mark: str) -> bool:
    with contextlib.suppress(OSError):
        entries = (PROC / str(pid) / "environ").read_bytes().split(b"\0")
        return f"{MARK}={mark}".encode() in entries
    return False


def _works_in(pid: int, ownership: Ownership) -> bool:
    if ownership.program is None or ownership.directory is None:
        return False
    with contextlib.suppress(OSError):
        program = (PROC / str(pid) / "exe").readlink().name.removesuffix(" (deleted)")
        directory = str((PROC / str(pid) / "cwd").readlink()).removesuffix(" (deleted)")
        return program == ownership.program and Path(directory) == ownership.directory.resolve()
    return False
