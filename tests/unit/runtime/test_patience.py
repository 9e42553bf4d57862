import asyncio
import logging

import pytest

from streams.errors import Misconfigured, Unavailable
from streams.runtime import patience
from streams.runtime.patience import patiently, pause_after


@pytest.fixture(autouse=True)
def _impatient(monkeypatch):
    monkeypatch.setattr(patience, "FIRST_WAIT", 0.001)
    monkeypatch.setattr(patience, "LONGEST_WAIT", 0.002)


def failing(times: int, error: Exception):
    left = [error] * times

    async def action():
        if left:
            raise left.pop()
        return "done"

    return action


async def test_an_unavailable_dependency_is_tried_until_it_answers(caplog):
    with caplog.at_level(logging.WARNING):
        assert await patiently(failing(9, Unavailable("away"))) == "done"
    assert [record.message for record in caplog.records] == ["waiting: away", "back after 10 attempts"]


@pytest.mark.parametrize("error", [Misconfigured("wrong"), ZeroDivisionError("bug")])
async def test_other_errors_pass_at_once(error):
    with pytest.raises(type(error)):
        await patiently(failing(1, error))


async def test_cancelling_ends_the_wait(monkeypatch):
    monkeypatch.setattr(patience, "FIRST_WAIT", 60.0)
    monkeypatch.setattr(patience, "LONGEST_WAIT", 60.0)
    waiting = asyncio.ensure_future(patiently(failing(1, Unavailable("away"))))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting


def test_pauses_grow_and_stay_bounded(monkeypatch):
    monkeypatch.setattr(patience, "FIRST_WAIT", 0.2)
    monkeypatch.setattr(patience, "LONGEST_WAIT", 15.0)
    assert 0.1 <= pause_after(1) <= 0.2
    assert 0.4 <= pause_after(3) <= 0.8
    assert 7.5 <= pause_after(10_000) <= 15.0
