"""The steps: deliver, redeliver, arrive late, revise, withdraw, spoil; read, crash, hand over, lose an answer, be away.

A step is any of these at any time. At the end everything is consumed and compared with the naive fold of the log.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from streams.errors import Dependency, Unavailable
from tests.chaos.rule import EXPLOSIVE, REFUSED
from tests.chaos.sabotage import SABOTAGES
from tests.stateful.world import PLACES, Log, Worker, corrected, new_article, withdrawn

if TYPE_CHECKING:
    from streams.domain.batch import Batch
    from streams.ports import DocumentStore, ScoreStore

places = st.sampled_from(PLACES)
tones = st.sampled_from(("plunges", "reports", "soars"))
names = st.sampled_from(("Nvidia", "Tesla", ""))
WORKERS = 2


class Faulty:
    """A document store that is away for some calls, or whose answers get lost after the write."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self.away = 0
        self.lost = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def persist(self, batch: Batch) -> None:
        if self.away:
            self.away -= 1
            raise Unavailable("away", Dependency.POSTGRES)
        await self._inner.persist(batch)
        if self.lost:
            self.lost -= 1
            raise Unavailable("the answer is lost", Dependency.POSTGRES)


class DeliveryMachine(RuleBasedStateMachine):
    """Subclasses say where the rows are and how they are compared."""

    sabotage = "none"
    """A deliberate fault between delivery and store."""

    def make_store(self) -> tuple[DocumentStore, ScoreStore]:
        raise NotImplementedError

    def compare(self) -> None:
        raise NotImplementedError

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.log = Log()
        self.number = 0

    def run(self, work: Any) -> Any:
        return self.loop.run_until_complete(work)

    @initialize(slices=st.integers(1, 4))
    def start(self, slices: int) -> None:
        store, self.scores = self.make_store()
        self.faulty = Faulty(store)
        self.store = SABOTAGES[self.sabotage](self.faulty)
        self.slices = slices
        self.workers: list[Worker] = []
        for number in range(WORKERS):
            self.workers.append(self._new_worker())
            self.run(self.workers[number].assign(PLACES[number::WORKERS]))

    def _new_worker(self) -> Worker:
        async def make() -> Worker:
            return Worker(self.store, self.scores, self.slices)  # type: ignore[arg-type]

        return self.run(make())

    @rule(place=places, name=names, tone=tones, behind=st.sampled_from((0, 0, 3, 9)))
    def deliver(self, place: tuple[str, int], name: str, tone: str, behind: float) -> None:
        self.number += 1
        self.log.tell(new_article(self.log, self.number, behind, name, tone), place)

    @rule(place=places, name=names, behind=st.sampled_from((15, 40, 200)))
    def deliver_late(self, place: tuple[str, int], name: str, behind: float) -> None:
        self.deliver(place, name, "plunges", behind)

    @rule(data=st.data(), partition=st.integers(0, 1))
    def redeliver(self, data: st.DataObject, partition: int) -> None:
        if self.log.entries:
            self.log.again(data.draw(st.sampled_from(self.log.entries)), partition)

    @rule(data=st.data(), place=places, tone=tones, moved=st.sampled_from((0, -7, 11, -60)))
    def revise(self, data: st.DataObject, place: tuple[str, int], tone: str, moved: float) -> None:
        if self.log.articles:
            latest = self.log.articles[data.draw(st.sampled_from(sorted(self.log.articles)))][-1]
            self.log.tell(
                corrected(latest, self.log, moved, tone), self._of_same_class(latest.source_id, place)
            )

    @rule(data=st.data(), place=places)
    def withdraw(self, data: st.DataObject, place: tuple[str, int]) -> None:
        if self.log.articles:
            latest = self.log.articles[data.draw(st.sampled_from(sorted(self.log.articles)))][-1]
            self.log.tell(withdrawn(latest, self.log), self._of_same_class(latest.source_id, place))

    def _of_same_class(self, source_id: str, place: tuple[str, int]) -> tuple[str, int]:
        """A document's versions come in one topic, in any of its partitions."""
        topic = next(e.topic for e in self.log.entries if e.article and e.article.source_id == source_id)
        return place if place[0] == topic else (topic, 0)

    @rule(place=places, value=st.sampled_from((b"{", b"[]", b"")))
    def spoil(self, place: tuple[str, int], value: bytes) -> None:
        reason = {b"{": "not_json", b"[]": "not_an_object", b"": "empty_record"}[value]
        self.log.publish(place, value=value, reason=reason)

    @rule(place=places, word=st.sampled_from((REFUSED, EXPLOSIVE)), behind=st.sampled_from((0, 9)))
    def poison(self, place: tuple[str, int], word: str, behind: float) -> None:
        """A document that the model refuses, or that makes a stage raise; it moves the clock all the same."""
        self.number += 1
        article = new_article(self.log, self.number, behind, "Nvidia", "reports")
        self.log.tell(replace(article, content=f"{word} {self.number}"), place)

    @rule(worker=st.integers(0, WORKERS - 1), place=places, count=st.integers(1, 6))
    def read(self, worker: int, place: tuple[str, int], count: int) -> None:
        self.run(self.workers[worker].read(self.log, place, count))

    @rule(worker=st.integers(0, WORKERS - 1))
    def finish(self, worker: int) -> None:
        self.run(self.workers[worker].finish())

    @rule(worker=st.integers(0, WORKERS - 1), loses_answer=st.booleans())
    def crash(self, worker: int, *, loses_answer: bool) -> None:
        """Another process takes its place, with the same partitions."""
        mine = list(self.workers[worker].positions)
        self.faulty.lost += loses_answer
        self.run(self.workers[worker].die())
        self.workers[worker] = self._new_worker()
        self.run(self.workers[worker].assign(mine))

    @rule(worker=st.integers(0, WORKERS - 1), taken=st.sets(places))
    def take_over(self, worker: int, taken: set[tuple[str, int]]) -> None:
        """Partitions get a second owner: the first one does not know yet and goes on writing."""
        mine = {*self.workers[worker].positions, *taken}
        self.run(self.workers[worker].assign(sorted(mine)))

    @rule(calls=st.integers(1, 2))
    def go_away(self, calls: int) -> None:
        self.faulty.away += calls

    @rule()
    def lose_an_answer(self) -> None:
        self.faulty.lost += 1

    def teardown(self) -> None:
        try:
            if hasattr(self, "workers"):
                self.settle()
                self.compare()
        finally:
            for worker in getattr(self, "workers", ()):
                self.run(worker.die())
            self.run(self.close())
            self.loop.close()

    async def close(self) -> None:
        """What a subclass has opened."""

    def settle(self) -> None:
        """Everything is read and stored, by one worker, after all others are gone."""
        for worker in self.workers:
            self.run(worker.die())
        last = self._new_worker()
        self.workers.append(last)
        self.run(last.assign(PLACES))
        for place in PLACES:
            self.run(last.read(self.log, place, 10_000))
        self.run(last.finish())
        for place, end in self.log.ends().items():
            stored = last.acknowledged.get(place, last.positions[place])
            assert stored == end, f"{place} is acknowledged up to {stored} of {end}"
