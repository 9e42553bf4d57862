from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from streams.local.processes import (
    MARK,
    Launch,
    Ownership,
    ProcessId,
    end,
    identify,
    is_alive,
    owned,
    read_stat,
    send,
    spawn,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SOON = timedelta(seconds=5)
# Starts a child in a session of its own, says its id, and waits.
PARENT = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True)
print(child.pid, flush=True)
time.sleep(60)
"""


@pytest.fixture
def bystander() -> Iterator[ProcessId]:
    """A process that the launcher did not start."""
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True)
    found = identify(child.pid)
    assert found is not None
    yield found
    child.kill()
    child.wait()


def mark(name: str) -> str:
    return f"{name}@{os.getpid()}"


def start(tmp_path: Path, code: str, name: str) -> ProcessId:
    launch = Launch([sys.executable, "-c", code], {**os.environ, MARK: mark(name)})
    return spawn(launch, tmp_path / "log")


def test_process_with_another_start_time_is_not_the_recorded_one(bystander: ProcessId) -> None:
    reused = replace(bystander, started=bystander.started - 1)
    assert not is_alive(reused)
    assert not send(reused, signal.SIGKILL)
    assert is_alive(bystander)


def test_process_of_another_boot_is_not_the_recorded_one(bystander: ProcessId) -> None:
    assert not send(replace(bystander, boot="another"), signal.SIGKILL)
    assert is_alive(bystander)


def test_reused_id_and_its_session_are_never_ended(bystander: ProcessId) -> None:
    reused = replace(bystander, started=bystander.started - 1)
    assert end(Ownership(mark("nobody"), reused), signal.SIGTERM, SOON) == 0
    assert is_alive(bystander)


def test_recorded_process_is_ended(tmp_path: Path) -> None:
    process = start(tmp_path, "import time; time.sleep(60)", "recorded")
    assert end(Ownership(mark("recorded"), process), signal.SIGTERM, SOON) == 1
    assert not is_alive(process)


def test_process_that_ignores_the_polite_signal_is_killed(tmp_path: Path) -> None:
    code = "import signal, time; signal.signal(15, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
    process = start(tmp_path, code, "deaf")
    while "up" not in (tmp_path / "log").read_text():
        pass
    end(Ownership(mark("deaf"), process), signal.SIGTERM, timedelta(milliseconds=100))
    assert not is_alive(process)


def test_orphan_in_another_session_is_found_by_the_mark(tmp_path: Path) -> None:
    parent = start(tmp_path, PARENT, "orphan")
    while not (text := (tmp_path / "log").read_text()).endswith("\n"):
        pass
    send(parent, signal.SIGKILL)
    orphan = identify(int(text))
    assert orphan is not None
    # Nothing was recorded: the launcher was killed before it could write.
    assert orphan in owned(Ownership(mark("orphan")))
    end(Ownership(mark("orphan")), signal.SIGTERM, SOON)
    assert not is_alive(orphan)


def test_unmarked_process_is_not_claimed_by_another_part(tmp_path: Path) -> None:
    process = start(tmp_path, "import time; time.sleep(60)", "kafka")
    assert owned(Ownership(mark("triton"))) == []
    end(Ownership(mark("kafka"), process), signal.SIGKILL, SOON)


def test_ended_child_counts_as_gone_before_it_is_reaped() -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    while not (stat := read_stat(child.pid)) or not stat.dead:
        pass
    assert identify(child.pid) is None
    child.wait()
