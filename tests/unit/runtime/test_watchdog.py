"""What counts as not getting on."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from streams.errors import Stalled
from streams.runtime.status import DependencyStatus, PartitionStatus, WorkerStatus
from streams.runtime.watchdog import EXIT_STATUS, Deadline, LoopWatch, check_progress, stalled
from tests.builders import NEWS


def status(
    *, state: str = "closed", opened: int = 0, seconds: float = 1e9, **partition: float
) -> WorkerStatus:
    at = {"read": 5, "stored": 5, "end": 9, "quiet_seconds": 130.0} | partition
    return WorkerStatus(
        partitions={NEWS: PartitionStatus(**at)},
        dependencies={"postgres": DependencyStatus(state, 0, opened, seconds, "")},
    )


def test_records_that_wait_while_nothing_moves_are_a_stall(capfd):
    with pytest.raises(Stalled, match=r"news\.raw\.v1-0 has records up to 9, is stored up to 5"):
        check_progress(status())
    assert "test_watchdog" in capfd.readouterr().err  # the stacks


@pytest.mark.parametrize(
    "known",
    [
        {"end": 5},
        {"end": None},
        {"quiet_seconds": 119.0},
        {"state": "open"},
        {"state": "half_open"},
        {"opened": 1, "seconds": 3.0},
    ],
)
def test_a_known_reason_is_no_stall(known):
    assert stalled(status(**known)) == ""


def test_a_topic_that_was_stopped_on_purpose_is_no_stall():
    stopped = status()
    stopped.halted = {NEWS.topic: "stopped"}
    assert stalled(stopped) == ""


def test_a_loop_that_does_not_turn_ends_the_process(capfd):
    ended: list[int] = []
    blocked = threading.Event()

    def end(code: int) -> None:
        ended.append(code)
        blocked.set()

    async def block() -> None:
        watching = asyncio.ensure_future(LoopWatch(0.2, end, period=0.02).run())
        await asyncio.sleep(0.05)
        blocked.wait(20)
        watching.cancel()

    asyncio.run(block())
    assert ended == [EXIT_STATUS]
    assert "blocked" in capfd.readouterr().err


def test_a_loop_that_turns_is_left_alone():
    ended: list[int] = []

    async def turn() -> None:
        watching = asyncio.ensure_future(LoopWatch(0.2, ended.append, period=0.02).run())
        await asyncio.sleep(0.6)
        watching.cancel()

    asyncio.run(turn())
    assert ended == []


def test_a_deadline_ends_the_process_once():
    ended: list[int] = []
    deadline = Deadline(0.01, status=3, end=ended.append)
    deadline.start()
    deadline.start()
    until = time.monotonic() + 20
    while not ended:
        assert time.monotonic() < until
        time.sleep(0.005)
    time.sleep(0.05)
    assert ended == [3]
