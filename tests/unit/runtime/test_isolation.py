"""Poison in a lane: the document that makes a stage, the model or the store raise is buried; its neighbours go through."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from streams.adapters.memory.classifier import MemoryClassifier
from streams.adapters.memory.documents import MemoryDocumentStore
from streams.domain.document import SourceClass
from streams.errors import BuriedTooMuch, Poisonous, Unavailable
from streams.runtime.breaker import Backoff, Breakers
from streams.runtime.delivery import Lane, Policies
from streams.settings import Settings, WorkerSettings
from tests.builders import LATENESS, NEWS, news, pipeline, raw_record

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streams.domain.batch import Batch
    from streams.domain.score import Question
    from streams.pipeline import Pipeline


class Bomb(Exception):
    """An error of a stage that nobody has thought of."""


class TouchyStore(MemoryDocumentStore):
    """Refuses batches with a document whose text says so; counts refusals."""

    __slots__ = ("error", "refused")

    def __init__(self, error: Exception) -> None:
        super().__init__(LATENESS)
        self.error = error
        self.refused = 0

    async def persist(self, batch: Batch) -> None:
        self.look_at(batch)
        await super().persist(batch)

    async def rehearse(self, batch: Batch) -> None:
        self.look_at(batch)
        await super().rehearse(batch)

    def look_at(self, batch: Batch) -> None:
        if any("poison" in item.enriched.text for item in batch.documents):
            self.refused += 1
            raise self.error


class TouchyClassifier(MemoryClassifier):
    """Fails on requests with a text that says so, or as often as told on all of them."""

    def __init__(self) -> None:
        super().__init__()
        self.away = 0

    async def classify(self, model: str, questions: Sequence[Question]):
        if self.away:
            self.away -= 1
            raise Unavailable("away")
        if any("poison" in question.text for question in questions):
            raise Bomb
        return await super().classify(model, questions)


class TouchyMatcher:
    """Raises on a document that says so."""

    version = "touchy"

    def __init__(self, inner) -> None:
        self.inner = inner

    def find(self, title: str, body: str, hints: Sequence[str], at):
        if "poison" in body:
            raise Bomb
        return self.inner.find(title, body, hints, at)


class Bench:
    def __init__(self, tools: Pipeline, store: MemoryDocumentStore, **worker: object) -> None:
        fields = {"slice_records": 16, "slice_age": timedelta(seconds=60)} | worker
        settings = Settings(worker=WorkerSettings(**fields))  # type: ignore[arg-type]
        self.store = store
        self.lane = Lane(SourceClass.NEWS, tools, store, settings, Policies(Breakers(Backoff(0.001, 0.002))))

    async def feed(self, count: int, *poisonous: int) -> None:
        await self.store.register({NEWS: (SourceClass.NEWS, 0)})
        await self.lane.reset([NEWS])
        for offset in range(count):
            await self.lane.add(
                news(offset, content=f"poison {offset}" if offset in poisonous else f"good {offset}")
            )
        await self.lane.finish()

    @property
    def buried(self) -> dict[int, str]:
        return {offset: letter.reason for (_, offset), letter in self.store.dead_letters.items()}


def with_matcher() -> Pipeline:
    tools = pipeline()
    object.__setattr__(tools.enricher, "matcher", TouchyMatcher(tools.enricher.matcher))
    return tools


def made(kind: str) -> Bench:
    if kind == "enrich":
        return Bench(with_matcher(), MemoryDocumentStore(LATENESS))
    if kind == "classify":
        return Bench(pipeline(TouchyClassifier()), MemoryDocumentStore(LATENESS))
    error = Poisonous("Postgres refuses a value") if kind == "value" else Bomb("rows")
    return Bench(pipeline(), TouchyStore(error))


@pytest.mark.parametrize("kind", ["enrich", "classify", "value", "rows"])
@pytest.mark.parametrize("poisonous", [{0}, {7}, {3, 12}, {14, 15}, set(range(16))])
async def test_poison_is_buried_and_its_neighbours_go_through(kind: str, poisonous: set[int]):
    bench = made(kind)
    await bench.feed(32, *poisonous)
    assert bench.buried == dict.fromkeys(poisonous, "stage_failed")
    names = {kept.item.enriched.record.offset for kept in bench.store.documents.values()}
    assert names == set(range(32)) - poisonous
    assert (await bench.store.progress([NEWS]))[NEWS].next_offset == 32


async def test_the_letter_names_the_stage_and_the_error_and_quotes_nothing():
    bench = made("value")
    await bench.feed(16, 5)
    (letter,) = bench.store.dead_letters.values()
    assert letter.detail == "persist: Poisonous"


async def test_an_outage_buries_nothing():
    classifier = TouchyClassifier()
    classifier.away = 50
    bench = Bench(pipeline(classifier), MemoryDocumentStore(LATENESS))
    await bench.feed(16)
    assert bench.buried == {}
    assert len(bench.store.documents) == 16


class OnceBroken(MemoryDocumentStore):
    """Fails the first time it is asked."""

    __slots__ = ("errors",)

    def __init__(self) -> None:
        super().__init__(LATENESS)
        self.errors: list[Exception] = [Bomb()]

    async def persist(self, batch: Batch) -> None:
        if self.errors:
            raise self.errors.pop()
        await super().persist(batch)


async def test_a_failure_that_does_not_repeat_buries_nothing_and_ends_the_lane():
    bench = Bench(pipeline(), OnceBroken())
    await bench.feed(16)
    assert isinstance(bench.lane.failed.exception(), Bomb)
    assert bench.buried == {}


async def test_scores_of_a_buried_document_are_not_stored_and_those_of_its_neighbours_are():
    bench = made("value")
    await bench.feed(4, 1)
    texts = {kept.item.enriched.text_hash for kept in bench.store.documents.values()}
    assert {key.text_hash for _, _, key in bench.store.scores._scores} == texts


async def test_a_topic_that_turns_bad_ends_its_lane_before_it_is_buried():
    bench = Bench(pipeline(), MemoryDocumentStore(LATENESS), bury_least=20, bury_window=40)
    await bench.feed(16)
    for offset in range(16, 64):
        adding = asyncio.ensure_future(bench.lane.add(raw_record(offset, b"<rss>")))
        await asyncio.wait({adding, bench.lane.failed}, return_when=asyncio.FIRST_COMPLETED)
        if not adding.done():
            adding.cancel()
            break
    await asyncio.wait({bench.lane.failed}, timeout=20)
    assert isinstance(bench.lane.failed.exception(), BuriedTooMuch)
    assert "SENTIWATCH_WORKER__BURY_RATIO" in bench.lane.halted
    assert len(bench.store.dead_letters) < 20 + 16
    stored = (await bench.store.progress([NEWS]))[NEWS].next_offset
    assert stored == 16 + len(bench.store.dead_letters)
    await bench.lane.stop()


async def test_a_lane_that_was_stopped_for_that_starts_again_where_it_was():
    bench = Bench(pipeline(), MemoryDocumentStore(LATENESS), bury_least=10, bury_window=40)
    await bench.feed(16)
    for offset in range(16, 48):
        await bench.lane.add(raw_record(offset, b"<rss>"))
    await asyncio.wait({bench.lane.failed}, timeout=20)
    assert bench.lane.halted
    assert await bench.lane.reset([NEWS]) == {NEWS: 32}
    assert not bench.lane.halted
    await bench.lane.stop()
