"""Where a consumer starts, and that nothing flows before."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from aiokafka.errors import IllegalStateError
from faust.types import TP

from streams.runtime import app as app_module
from streams.runtime.app import make_app
from streams.settings import KafkaSettings
from tests.builders import NEWS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from streams.domain.document import SourcePartition

NEWS_TP = TP(NEWS.topic, NEWS.partition)


class Start:
    """Stands in for the lanes: answers with an offset, when it may."""

    def __init__(self) -> None:
        self.allowed = asyncio.Event()
        self.allowed.set()
        self.asked = 0
        self.errors: list[Exception] = []

    async def __call__(self, assigned: Sequence[SourcePartition]) -> Mapping[SourcePartition, int]:
        self.asked += 1
        await self.allowed.wait()
        if self.errors:
            raise self.errors.pop(0)
        return dict.fromkeys(assigned, 7)


class Fixture:
    """The consumer of an app that never connects; its driver is replaced where it would."""

    def __init__(self) -> None:
        self.start = Start()
        self.app = make_app(KafkaSettings(bootstrap="127.0.0.1:1"), "instance-0", self.start)
        self.app.finalize()
        self.consumer = self.app.consumer
        self.sought: list[Mapping[TP, int]] = []
        self.crashes: list[BaseException] = []
        self.consumer.assignment = lambda: {NEWS_TP}
        self.consumer.seek_wait = self._seek
        self.consumer.stop_flow()
        self.app.crash = self._crash

    async def _seek(self, positions: Mapping[TP, int]) -> None:
        self.sought.append(positions)

    async def _crash(self, error: BaseException) -> None:
        self.crashes.append(error)


@pytest.fixture
async def fixture(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Fixture]:
    monkeypatch.setattr(app_module, "SEEK_SECONDS", 0.02)
    made = Fixture()
    yield made
    await made.consumer.abandon_start()
    made.consumer._thread.thread_loop.close()  # made for a driver that never started


async def test_reading_starts_where_progress_says(fixture: Fixture):
    await fixture.consumer.perform_seek()
    assert fixture.sought == [{NEWS_TP: 7}]
    assert fixture.consumer._read_offset[NEWS_TP] == 7


async def test_kafka_is_told_what_is_stored_also_by_a_worker_that_only_took_over(fixture: Fixture):
    await fixture.consumer.perform_seek()
    assert fixture.consumer._filter_committable_offsets([NEWS_TP]) == {NEWS_TP: 7}
    fixture.consumer.acknowledge(NEWS, 12)
    fixture.consumer.acknowledge(NEWS, 9)
    tps = fixture.consumer._filter_tps_with_pending_acks()
    assert fixture.consumer._filter_committable_offsets(tps) == {NEWS_TP: 12}
    fixture.consumer._committed_offset[NEWS_TP] = 12
    assert fixture.consumer._filter_committable_offsets([NEWS_TP]) == {}


async def test_each_start_is_a_new_epoch(fixture: Fixture):
    for epoch in (1, 2):
        await fixture.consumer.perform_seek()
        assert fixture.consumer.epoch == epoch


async def test_a_start_that_takes_long_lets_faust_go_on_but_nothing_flows_before_it_is_made(fixture: Fixture):
    fixture.start.allowed.clear()
    await asyncio.wait_for(fixture.consumer.perform_seek(), 10)
    fixture.consumer.resume_flow()
    assert not fixture.consumer.flow_active
    fixture.start.allowed.set()
    await asyncio.wait_for(fixture.consumer.can_resume_flow.wait(), 10)
    assert fixture.consumer.flow_active
    assert fixture.sought == [{NEWS_TP: 7}]


async def test_a_flow_that_was_stopped_meanwhile_stays_stopped(fixture: Fixture):
    fixture.start.allowed.clear()
    await fixture.consumer.perform_seek()
    fixture.consumer.resume_flow()
    fixture.consumer.stop_flow()
    fixture.start.allowed.set()
    await asyncio.wait({fixture.consumer._starting})
    await asyncio.sleep(0)
    assert not fixture.consumer.flow_active


async def test_a_start_that_another_one_replaces_lets_records_flow_when_the_last_is_made(fixture: Fixture):
    fixture.start.allowed.clear()
    first = asyncio.ensure_future(fixture.consumer.perform_seek())
    await asyncio.sleep(0)
    second = asyncio.ensure_future(fixture.consumer.perform_seek())
    await first
    fixture.consumer.resume_flow()
    assert not fixture.consumer.flow_active
    fixture.start.allowed.set()
    await second
    await asyncio.wait_for(fixture.consumer.can_resume_flow.wait(), 10)


async def test_a_start_that_failed_lets_nothing_flow(fixture: Fixture):
    fixture.start.errors = [IllegalStateError("not assigned")]
    with pytest.raises(IllegalStateError):
        await fixture.consumer.perform_seek()
    fixture.consumer.resume_flow()
    assert not fixture.consumer.flow_active
    await fixture.consumer.perform_seek()
    await asyncio.wait_for(fixture.consumer.can_resume_flow.wait(), 10)


async def test_of_starts_at_once_only_the_last_is_made(fixture: Fixture):
    fixture.start.allowed.clear()
    first = asyncio.ensure_future(fixture.consumer.perform_seek())
    second = asyncio.ensure_future(fixture.consumer.perform_seek())
    third = asyncio.ensure_future(fixture.consumer.perform_seek())
    await asyncio.wait({first, second, third})
    fixture.start.allowed.set()
    await asyncio.wait({fixture.consumer._starting})
    assert len(fixture.sought) == 1
    assert not any(task.cancelled() or task.exception() for task in (first, second, third))


async def test_a_late_error_crashes_the_app(fixture: Fixture):
    fixture.start.allowed.clear()
    fixture.start.errors = [ZeroDivisionError("a bug")]
    await fixture.consumer.perform_seek()
    fixture.consumer.resume_flow()
    fixture.start.allowed.set()
    await asyncio.wait({fixture.consumer._starting})
    for _ in range(5):
        await asyncio.sleep(0)
    assert [type(error) for error in fixture.crashes] == [ZeroDivisionError]
    assert not fixture.consumer.flow_active


async def test_a_partition_lost_meanwhile_is_no_crash(fixture: Fixture):
    fixture.start.allowed.clear()
    fixture.start.errors = [IllegalStateError("not assigned")]
    await fixture.consumer.perform_seek()
    fixture.start.allowed.set()
    await asyncio.wait({fixture.consumer._starting})
    await asyncio.sleep(0)
    assert fixture.crashes == []


async def test_an_ending_worker_starts_nothing(fixture: Fixture):
    await fixture.app.stop_intake()
    await fixture.consumer.perform_seek()
    assert fixture.start.asked == 0
    assert not fixture.consumer.flow_active
