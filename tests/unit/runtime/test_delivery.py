"""A lane on in-memory parts: what is acknowledged when, and what survives failures and new assignments."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from streams.adapters.memory.classifier import MemoryClassifier
from streams.adapters.memory.documents import MemoryDocumentStore
from streams.domain.batch import Batch
from streams.domain.document import SourceClass, SourcePartition
from streams.errors import Misconfigured, StaleWriter, Unavailable
from streams.runtime.breaker import Backoff, Breakers
from streams.runtime.delivery import Lane, Policies
from streams.settings import Settings, WorkerSettings
from tests.builders import LATENESS, NEWS, dead_letter, move, news, pipeline, raw_record

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

SECOND = SourcePartition("news.raw.v1", 1)


class Gate:
    """Holds whoever passes until it is open; counts them."""

    def __init__(self, *, is_open: bool = True) -> None:
        self._event = asyncio.Event()
        self.passing = 0
        if is_open:
            self.open()

    def open(self) -> None:
        self._event.set()

    def close(self) -> None:
        self._event.clear()

    async def __call__(self) -> None:
        self.passing += 1
        await self._event.wait()


class GatedStore(MemoryDocumentStore):
    """A store whose commits wait at a gate, or fail as told."""

    __slots__ = ("after", "before", "errors", "gate")

    def __init__(self) -> None:
        super().__init__(LATENESS)
        self.gate = Gate()
        self.errors: list[Exception | None] = []
        self.before: list[Callable[[], Coroutine[None, None, None]]] = []
        self.after: list[Exception] = []

    async def persist(self, batch: Batch) -> None:
        await self.gate()
        if self.before:
            await self.before.pop(0)()
        if self.errors and (error := self.errors.pop(0)) is not None:
            raise error
        await super().persist(batch)
        if self.after:
            raise self.after.pop(0)


class GatedClassifier(MemoryClassifier):
    """A classifier that answers when the gate of a text is open."""

    def __init__(self) -> None:
        super().__init__()
        self.gates: dict[str, Gate] = {}

    async def classify(self, model, questions):
        for question in questions:
            for words, gate in self.gates.items():
                if words in question.text:
                    await gate()
        return await super().classify(model, questions)


class Bench:
    """A lane with its store, its classifier and what it has acknowledged so far."""

    def __init__(self, **worker: object) -> None:
        defaults = {"slice_records": 2, "slice_age": timedelta(seconds=60), "slices_in_flight": 2}
        settings = Settings(worker=WorkerSettings(**defaults | worker))  # type: ignore[arg-type]
        self.store = GatedStore()
        self.classifier = GatedClassifier()
        self.acknowledged: list[tuple[int, int]] = []
        self.breakers = Breakers(Backoff(0.001, 0.01))
        policies = Policies(self.breakers, self._acknowledge)
        tools = pipeline(self.classifier, self.store.scores)
        self.lane = Lane(SourceClass.NEWS, tools, self.store, settings, policies)

    def _acknowledge(self, source: SourcePartition, next_offset: int) -> None:
        self.acknowledged.append((source.partition, next_offset))

    async def start(self, *partitions: SourcePartition):
        await self.store.register(dict.fromkeys(partitions or (NEWS,), (SourceClass.NEWS, 0)))
        return await self.lane.reset(list(partitions or (NEWS,)))

    async def add(self, *offsets: int, source: SourcePartition = NEWS) -> None:
        for offset in offsets:
            await self.lane.add(news(offset, source=source))

    async def stored(self) -> int:
        return (await self.store.progress([NEWS]))[NEWS].next_offset


@pytest.fixture
async def bench():
    made: list[Bench] = []

    def make(**worker: object) -> Bench:
        made.append(Bench(**worker))
        return made[-1]

    yield make
    for one in made:
        await one.lane.stop()


async def until(condition: Callable[[], object], seconds: float = 20.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.005)


async def settle() -> None:
    for _ in range(30):
        await asyncio.sleep(0)


async def test_nothing_is_acknowledged_before_its_commit(bench):
    one = bench()
    one.store.gate.close()
    await one.start()
    await one.add(0, 1)
    await until(lambda: one.store.gate.passing)
    await settle()
    assert one.acknowledged == []
    one.store.gate.open()
    await until(lambda: one.lane.idle)
    assert one.acknowledged == [(0, 2)]
    assert len(one.store.documents) == 2


async def test_slices_are_stored_in_offset_order_although_the_first_takes_longest(bench):
    one = bench()
    one.classifier.gates["number 0."] = slow = Gate(is_open=False)
    await one.start()
    await one.add(0, 1, 2, 3)
    await until(lambda: ("topic", 3) in {(m, int(q.text[-2])) for m, q in one.classifier.asked})
    await settle()
    assert one.acknowledged == []
    slow.open()
    await until(lambda: one.lane.idle)
    assert one.acknowledged == [(0, 2), (0, 4)]


async def test_an_unknown_error_acknowledges_nothing_and_ends_the_lane(bench):
    one = bench()
    one.store.errors = [None, ZeroDivisionError("a bug")]
    await one.start()
    await one.add(0, 1, 2, 3)
    await until(one.lane.failed.done)
    assert isinstance(one.lane.failed.exception(), ZeroDivisionError)
    assert one.acknowledged == [(0, 2)]
    assert await one.stored() == 2


async def test_a_record_that_makes_reading_raise_is_buried(bench):
    one = bench(slice_records=100, slice_age=timedelta(milliseconds=1))
    await one.start()
    await one.lane.add(raw_record(0, value=17))
    await one.add(1)
    await until(lambda: one.lane.idle)
    assert [letter.reason for letter in one.store.dead_letters.values()] == ["stage_failed"]
    assert len(one.store.documents) == 1


async def test_a_dependency_that_is_away_is_waited_for(bench):
    one = bench()
    one.store.errors = [Unavailable("away"), Unavailable("still away"), None]
    await one.start()
    await one.add(0, 1)
    await until(lambda: one.lane.idle)
    assert one.acknowledged == [(0, 2)]


async def test_a_lane_takes_in_only_so_much(bench):
    one = bench(slice_records=2, slices_in_flight=2)
    one.store.gate.close()
    await one.start()
    adding = asyncio.ensure_future(one.add(*range(100)))
    await until(lambda: one.store.gate.passing)
    await settle()
    held = len(one.lane._stretch.reached) and one.lane._stretch.reached[NEWS]
    assert held <= 2 * (2 + 2)  # a slice being written, two waiting, one waiting for room
    assert not adding.done()
    one.store.gate.open()
    await adding
    await until(lambda: one.lane.idle)
    assert one.acknowledged == [(0, n) for n in range(2, 101, 2)]


async def test_a_slice_is_cut_by_age_when_it_does_not_fill(bench):
    one = bench(slice_records=100, slice_age=timedelta(milliseconds=5))
    await one.start()
    await one.add(0)
    await until(lambda: one.acknowledged == [(0, 1)])


async def test_finish_stores_what_has_gathered(bench):
    one = bench(slice_records=100)
    await one.start()
    await one.add(0, 1, 2)
    await one.lane.finish()
    assert one.acknowledged == [(0, 3)]
    assert await one.stored() == 3


async def test_a_new_start_drops_pending_work_and_reads_it_again(bench):
    one = bench()
    one.store.gate.close()
    await one.start()
    adding = asyncio.ensure_future(one.add(*range(12)))  # fills the lane and blocks in the middle
    await until(lambda: one.store.gate.passing)
    await settle()
    starting = asyncio.ensure_future(one.lane.reset([NEWS]))
    offsets = await asyncio.wait_for(starting, 20)
    assert offsets == {NEWS: 0}
    one.store.gate.open()
    await asyncio.wait_for(adding, 20)
    await one.lane.reset([NEWS])
    one.acknowledged.clear()
    await one.add(*range(12))
    await until(lambda: one.lane.idle)
    assert one.acknowledged == [(0, n) for n in range(2, 13, 2)]
    assert await one.stored() == 12
    assert len(one.store.documents) == 12


async def test_a_start_that_is_cancelled_can_be_made_again(bench):
    one = bench()
    one.store.gate.close()
    await one.start()
    await one.add(0, 1)
    for _ in range(3):
        starting = asyncio.ensure_future(one.lane.reset([NEWS]))
        await asyncio.sleep(0)
        starting.cancel()
        await asyncio.wait({starting})
    one.store.gate.open()
    assert await one.lane.reset([NEWS]) == {NEWS: 0}
    await one.add(0, 1)
    await until(lambda: one.lane.idle)
    assert one.acknowledged == [(0, 2)]


async def test_stop_lets_a_blocked_reader_go(bench):
    one = bench()
    one.store.gate.close()
    await one.start()
    adding = asyncio.ensure_future(one.add(*range(50)))
    await until(lambda: one.store.gate.passing)
    await settle()
    await asyncio.wait_for(one.lane.stop(), 20)
    await asyncio.wait_for(adding, 20)
    assert one.acknowledged == []
    assert one.lane.idle


async def test_stop_leaves_no_task_behind(bench):
    before = asyncio.all_tasks()
    one = bench(slice_age=timedelta(milliseconds=1))
    one.classifier.gates["number 0."] = Gate(is_open=False)
    await one.start()
    await one.add(0, 1, 2, 3, 4)
    await settle()
    await one.lane.stop()
    await settle()
    assert asyncio.all_tasks() - before == set()


async def test_records_of_others_and_records_read_before_are_skipped_unacknowledged(bench):
    one = bench()
    await one.start()
    await one.add(0, 0, 1, 1)
    await one.add(5, source=SECOND)
    await one.lane.finish()
    assert one.acknowledged == [(0, 2)]


async def test_a_hole_in_the_offsets_is_no_loss(bench):
    one = bench()
    await one.start()
    await one.add(3, 9)
    await until(lambda: one.lane.idle)
    assert await one.stored() == 10


async def test_a_commit_whose_answer_was_lost_is_not_written_twice_and_the_lane_goes_on(bench):
    one = bench()
    one.store.after = [Unavailable("the connection broke during COMMIT")]
    await one.start()
    await one.add(0, 1, 2, 3)
    await until(lambda: one.lane.idle)
    assert one.acknowledged == [(0, 2), (0, 4)]
    assert await one.stored() == 4
    assert len(one.store.documents) == 4


async def test_where_another_worker_was_faster_only_the_rest_is_written(bench):
    one = bench(slice_records=6)
    await one.start(NEWS, SECOND)

    async def other_worker_writes() -> None:
        await MemoryDocumentStore.persist(one.store, Batch((move(0, 2),), dead_letters=(dead_letter(0),)))

    one.store.before = [other_worker_writes]
    await one.add(0, 1, 2)
    await one.add(0, 1, 2, source=SECOND)
    await until(lambda: one.lane.idle)
    assert sorted(one.acknowledged) == [(0, 3), (1, 3)]
    progress = await one.store.progress([NEWS, SECOND])
    assert [at.next_offset for at in progress.values()] == [3, 3]
    names = {kept.item.enriched.document.source_id for kept in one.store.documents.values()}
    assert names == {f"news.raw.v1-{p}-{n}" for p in (0, 1) for n in range(3)} - {
        "news.raw.v1-0-0",
        "news.raw.v1-0-1",
    }
    await one.add(3, 4, 5, 6, 7, 8)
    await until(lambda: one.lane.idle)
    assert await one.stored() == 9


async def test_progress_that_was_set_back_ends_the_lane(bench):
    one = bench()
    one.store.errors = [StaleWriter(frozenset({("news.raw.v1", 0)}))]
    await one.start()
    one.store._progress.clear()
    await one.add(0, 1)
    await until(one.lane.failed.done)
    assert isinstance(one.lane.failed.exception(), StaleWriter)
    assert one.acknowledged == []


async def test_a_refusal_that_waiting_cannot_help_ends_the_lane(bench):
    one = bench()
    one.store.errors = [Misconfigured("no such table")]
    await one.start()
    await one.add(0, 1)
    await until(one.lane.failed.done)
    assert isinstance(one.lane.failed.exception(), Misconfigured)
    await asyncio.wait_for(one.lane.finish(), 5)


async def test_records_that_are_all_rejected_move_progress_and_become_letters(bench):
    one = bench()
    await one.start()
    for offset in (0, 1):
        await one.lane.add(raw_record(offset, b"<rss>"))
    await until(lambda: one.lane.idle)
    assert one.acknowledged == [(0, 2)]
    assert await one.stored() == 2
    assert len(one.store.dead_letters) == 2
    assert one.lane.tally.dead_letters == 2


async def test_the_watermark_goes_on_from_the_stored_one(bench):
    one = bench()
    await one.start()
    await one.add(7, 8)
    await until(lambda: one.lane.idle)
    watermark = (await one.store.progress([NEWS]))[NEWS].watermark
    await one.lane.reset([NEWS])
    await one.add(9, 10)
    await until(lambda: one.lane.idle)
    known = {
        kept.item.enriched.record.offset: kept.item.enriched.known_watermark
        for kept in one.store.documents.values()
    }
    assert known[9] == watermark
