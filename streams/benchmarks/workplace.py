"""A worker on a topic and a run of its own, fed by the benchmark; rows and topic are removed at the end."""

from __future__ import annotations

import asyncio
import os
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from streams.adapters.kafka.admin import KafkaAdmin
from streams.adapters.postgres.connection import Database
from streams.adapters.postgres.runs import drop_run
from streams.bootstrap import Variant, open_service
from streams.domain.document import Probabilities, SourceClass
from streams.domain.label import SENTIMENT_LABELS, TOPICS
from streams.domain.score import SCALE, SENTIMENT, TOPIC, ModelInfo, Question
from streams.errors import Misconfigured
from streams.runtime.worker import Worker
from streams.wire.topics import SOCIAL

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Sequence

    from streams.domain.batch import Batch
    from streams.runtime.service import Service
    from streams.settings import Settings
    from streams.wire.outgoing import Outgoing


class Publishable(Protocol):
    """Something that is a record on any topic."""

    def record(self, topic: str, nonce: str) -> Outgoing: ...


@dataclass(slots=True)
class Asked:
    """Stands between the pipeline and a classifier and notes what was asked."""

    inner: Any
    notes: bool = False
    questions: dict[str, list[Question]] = field(default_factory=lambda: {SENTIMENT: [], TOPIC: []})

    async def info(self, model: str) -> ModelInfo:
        return await self.inner.info(model)  # type: ignore[no-any-return]

    async def classify(self, model: str, questions: Sequence[Question]) -> list[Probabilities | None]:
        if self.notes:
            self.questions[model].extend(questions)
        return await self.inner.classify(model, questions)  # type: ignore[no-any-return]

    async def probe(self) -> None:
        await self.inner.probe()

    def take(self) -> dict[str, list[Question]]:
        """What was asked since the last call."""
        asked, self.questions = self.questions, {SENTIMENT: [], TOPIC: []}
        return asked


class NullModel:
    """Answers at once: what is left is the cost of everything else."""

    async def info(self, model: str) -> ModelInfo:
        labels = tuple(SENTIMENT_LABELS) if model == SENTIMENT else tuple(topic.slug for topic in TOPICS)
        return ModelInfo(model, f"{model}-null", labels)

    async def probe(self) -> None:
        """It has no process that could die."""

    async def classify(self, model: str, questions: Sequence[Question]) -> list[Probabilities | None]:
        size = len(SENTIMENT_LABELS) if model == SENTIMENT else len(TOPICS)
        return [Probabilities((SCALE, *([0] * (size - 1))))] * len(questions)


class StoredTimes:
    """Wraps the document store: counts what is committed, and notes when, for the documents it is asked to watch."""

    def __init__(self, store: Any) -> None:
        self._store = store
        self.watched: set[str] = set()
        self.at: dict[str, float] = {}
        self.records = 0
        self.last = 0.0
        self.gate = asyncio.Event()
        self.gate.set()
        self._changed = asyncio.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def persist(self, batch: Batch) -> None:
        await self.gate.wait()
        await self._store.persist(batch)
        self.last = time.perf_counter()
        self.records += sum(move.next_offset - move.first for move in batch.moves)
        if self.watched:
            ids = {item.enriched.document.source_id for item in batch.documents} & self.watched
            self.watched -= ids
            self.at.update(dict.fromkeys(ids, self.last))
        self._changed.set()

    async def wait_for(self, records: int) -> None:
        """Until so many are stored since the start."""
        while self.records < records:
            self._changed.clear()
            await self._changed.wait()


@dataclass(slots=True)
class Workplace:
    """What is needed to feed one worker and to see what comes of it."""

    service: Service
    stored: StoredTimes
    asked: Asked
    topic: str
    nonce: str
    running: asyncio.Future[Any]
    sent: int = 0

    async def publish(self, chunk: Iterable[Publishable]) -> None:
        """Publish a chunk, confirmed."""
        records = [post.record(self.topic, self.nonce) for post in chunk]
        self.sent += len(records)
        await self.service.relay.publish(records)

    async def publish_placed(self, records: Sequence[Outgoing]) -> list[int]:
        """Publish records as they are; the offset of each."""
        self.sent += len(records)
        relay: Any = self.service.relay
        offsets: list[int] = await relay.publish_placed(records)
        return offsets

    async def wait(self) -> None:
        """Until all that was published is stored; a worker that fails meanwhile fails the benchmark."""
        stored = asyncio.ensure_future(self.stored.wait_for(self.sent))
        await asyncio.wait({stored, self.running}, return_when=asyncio.FIRST_COMPLETED)
        if not stored.done():
            stored.cancel()
            self.running.result()
            raise Misconfigured("the benchmark's worker has ended early")

    async def rate(self, chunk: Sequence[Publishable]) -> float:
        """Records stored a second while there is no lack of them.

        All are published before the first is stored, so that the benchmark's own publishing takes no time from the worker;
        the first third, part of which was prepared meanwhile, is not counted.
        """
        self.stored.gate.clear()
        before = self.sent
        await self.publish(chunk)
        self.stored.gate.set()
        await self.stored.wait_for(before + len(chunk) // 3)
        began, counted = self.stored.last, self.stored.records
        await self.wait()
        return (self.sent - counted) / (self.stored.last - began)

    async def through(self, chunk: Sequence[Publishable]) -> float:
        """Seconds from publishing a chunk to its last document being stored."""
        began = time.perf_counter()
        await self.publish(chunk)
        await self.wait()
        return self.stored.last - began


@asynccontextmanager
async def workplace(settings: Settings, nonce: str, *, null: bool) -> AsyncIterator[Workplace]:
    """A worker that consumes a topic of its own; its rows and its topic are removed at the end."""
    topic = replace(SOCIAL, name=f"bench.{nonce}.v1")
    async with KafkaAdmin.connect(settings.kafka) as admin:
        await admin.create([topic])
    kafka = settings.kafka.model_copy(update={"group": f"bench-{nonce}"})
    apart = settings.model_copy(update={"run": f"bench-{nonce}", "kafka": kafka})
    variant = Variant(
        kind="replay",
        notify=False,
        inputs={topic.name: SourceClass.SOCIAL},
        classifier=NullModel() if null else None,
    )
    try:
        async with open_service(apart, variant) as service:
            service.store = stored = StoredTimes(service.store)
            scoring = service.pipeline.scoring
            scoring.classifier = asked = Asked(scoring.classifier)
            worker = Worker(service, f"bench-{nonce}")
            running = asyncio.ensure_future(worker.run(drain=False))
            try:
                yield Workplace(service, stored, asked, topic.name, nonce, running)
            finally:
                worker.stop()
                await running
    finally:
        await forget(settings, apart.run)
        async with KafkaAdmin.connect(settings.kafka) as admin:
            await admin.delete([topic])


async def forget(settings: Settings, run: str) -> None:
    """Remove the rows of a benchmark's run."""
    database = Database(settings.postgres.address, 1)
    await database.open()
    try:
        await drop_run(database, run)
    finally:
        await database.close()


def resident_mb() -> float:
    """Resident memory of this process, which holds the worker (and the benchmark itself), now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20
