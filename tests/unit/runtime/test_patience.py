"""Breakers, and those who wait behind them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from streams.errors import Dependency, Misconfigured, StaleWriter, Unavailable
from streams.runtime.breaker import Backoff, Breakers, State
from streams.runtime.patience import patiently

if TYPE_CHECKING:
    from collections.abc import Callable

POSTGRES, TRITON = Dependency.POSTGRES, Dependency.TRITON


@pytest.fixture
def breakers() -> Breakers:
    return Breakers(Backoff(0.001, 0.002))


class Part:
    """A dependency that is away until it is told otherwise; counts who asks."""

    def __init__(self, dependency: Dependency = POSTGRES) -> None:
        self.dependency = dependency
        self.away = True
        self.asked = 0
        self.at_once = 0
        self.most_at_once = 0

    async def __call__(self) -> str:
        self.asked += 1
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(0)
        self.at_once -= 1
        if self.away:
            raise Unavailable("away", self.dependency)
        return "done"


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.001)


async def test_an_absence_is_outlasted_and_told_once(breakers, caplog):
    part = Part()
    waiting = asyncio.ensure_future(patiently(part, breakers, POSTGRES))
    await until(lambda: part.asked > 5)
    assert breakers[POSTGRES].state in {State.OPEN, State.HALF_OPEN}
    assert breakers[POSTGRES].reason == "away"
    part.away = False
    assert await waiting == "done"
    assert breakers[POSTGRES].state is State.CLOSED
    assert breakers[POSTGRES].opened == 1
    assert [record.message.split()[0] for record in caplog.records] == ["waiting:", "postgres"]


async def test_while_a_breaker_is_open_one_probes_for_all_who_wait(breakers):
    part = Part()
    await asyncio.wait({asyncio.ensure_future(patiently(part, breakers, POSTGRES))}, timeout=0.01)
    part.most_at_once = 0
    waiting = [asyncio.ensure_future(patiently(part, breakers, POSTGRES)) for _ in range(20)]
    asked = part.asked
    await until(lambda: part.asked > asked + 5)
    assert part.most_at_once == 1
    part.away = False
    assert await asyncio.gather(*waiting) == ["done"] * 20


async def test_those_who_waited_go_on_together_once_the_probe_is_answered(breakers):
    part = Part()
    waiting = [asyncio.ensure_future(patiently(part, breakers, POSTGRES)) for _ in range(10)]
    await until(lambda: part.asked > 12)
    part.most_at_once = 0
    part.away = False
    await asyncio.gather(*waiting)
    assert part.most_at_once > 1


async def test_only_the_breaker_of_the_part_that_is_away_opens(breakers):
    part = Part(TRITON)
    waiting = asyncio.ensure_future(patiently(part, breakers, POSTGRES, TRITON))
    await until(lambda: part.asked > 2)
    assert breakers[POSTGRES].state is State.CLOSED
    assert breakers[TRITON].state is not State.CLOSED
    assert not breakers.all_closed
    part.away = False
    await waiting
    assert breakers.all_closed


async def test_whoever_needs_nothing_that_is_away_does_not_wait(breakers):
    breakers[TRITON].fail("away")
    part = Part()
    part.away = False
    assert await patiently(part, breakers, POSTGRES) == "done"


async def test_those_who_had_asked_before_do_not_make_the_pause_longer(breakers):
    for _ in range(10):
        breakers[POSTGRES].fail("away")
    assert breakers[POSTGRES].failures == 1


async def test_other_errors_pass(breakers):
    async def refuse() -> None:
        raise Misconfigured("no such table")

    with pytest.raises(Misconfigured):
        await patiently(refuse, breakers, POSTGRES)
    assert breakers.all_closed


async def test_a_refusal_is_an_answer(breakers):
    async def refuse() -> None:
        raise StaleWriter(frozenset())

    breakers[POSTGRES].fail("away")
    with pytest.raises(StaleWriter):
        await patiently(refuse, breakers, POSTGRES)
    assert breakers.all_closed


async def test_a_probe_that_is_cancelled_hands_its_turn_on():
    breakers = Breakers(Backoff(0.001, 0.002))
    part = Part()
    first, second = (asyncio.ensure_future(patiently(part, breakers, POSTGRES)) for _ in range(2))
    await until(lambda: part.asked > 4)
    first.cancel()
    part.away = False
    assert await second == "done"


async def test_a_wait_can_be_cancelled():
    breakers = Breakers(Backoff(60, 60))
    waiting = asyncio.ensure_future(patiently(Part(), breakers, POSTGRES))
    await until(lambda: not breakers.all_closed)
    waiting.cancel()
    await asyncio.wait({waiting}, timeout=5)
    assert waiting.cancelled()


async def test_a_connection_that_breaks_during_a_cancellation_does_not_swallow_it(breakers):
    entered = asyncio.Event()

    async def breaks() -> None:
        entered.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise Unavailable("the line broke", POSTGRES) from None

    waiting = asyncio.ensure_future(patiently(breaks, breakers, POSTGRES))
    await entered.wait()
    waiting.cancel()
    await asyncio.wait({waiting}, timeout=5)
    assert waiting.cancelled()


def test_pauses_grow_to_a_limit_and_are_never_quite_the_same():
    backoff = Backoff(0.2, 5.0)
    for failures, longest in ((1, 0.2), (2, 0.4), (4, 1.6), (9, 5.0), (10_000, 5.0)):
        pauses = [backoff.after(failures) for _ in range(200)]
        assert longest / 2 <= min(pauses) < max(pauses) <= longest
