"""The whole pipeline against Triton alone against the bare engine, interleaved in one run; a null model; latency; memory.

Every figure is for the same (text, target) pairs: what the pipeline asks for one chunk of texts is then asked of Triton
directly and of the bare engine. Chunks alternate, so that a machine whose speed drifts favours none of the three.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from streams.adapters.kafka.admin import KafkaAdmin
from streams.adapters.postgres.connection import Database
from streams.adapters.postgres.runs import drop_run
from streams.benchmarks.texts import Post, posts
from streams.bootstrap import Variant, open_service
from streams.domain.document import Probabilities, SourceClass
from streams.domain.label import SENTIMENT_LABELS, TOPICS
from streams.domain.score import SCALE, SENTIMENT, TOPIC, ModelInfo, Question
from streams.errors import Misconfigured
from streams.runtime.worker import Worker
from streams.wire.topics import SOCIAL

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from streams.domain.batch import Batch
    from streams.runtime.service import Service
    from streams.settings import Settings

    Tell = Callable[[str], None]

LATENCY_RATE = 20.0
BYTES_A_MB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Plan:
    """How much to measure."""

    chunks: int = 3
    chunk_texts: int = 400
    null_texts: int = 8_000
    latency_texts: int = 200


@dataclass(slots=True)
class Asked:
    """Stands between the pipeline and a classifier and notes what was asked."""

    inner: Any
    questions: dict[str, list[Question]] = field(default_factory=lambda: {SENTIMENT: [], TOPIC: []})

    async def info(self, model: str) -> ModelInfo:
        return await self.inner.info(model)  # type: ignore[no-any-return]

    async def classify(self, model: str, questions: Sequence[Question]) -> list[Probabilities | None]:
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
    """Wraps the document store and notes when each document was committed."""

    def __init__(self, store: Any) -> None:
        self._store = store
        self.at: dict[str, float] = {}
        self.changed = asyncio.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def persist(self, batch: Batch) -> None:
        await self._store.persist(batch)
        now = time.perf_counter()
        self.at.update(dict.fromkeys((item.enriched.document.source_id for item in batch.documents), now))
        self.changed.set()

    async def wait_for(self, ids: Sequence[str]) -> None:
        """Until all of them are stored."""
        while not all(source_id in self.at for source_id in ids):
            self.changed.clear()
            await self.changed.wait()


class BareEngine:
    """A child process in Triton's environment that answers pairs without Triton."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @classmethod
    @asynccontextmanager
    async def start(cls, python: Path, repository: Path) -> AsyncIterator[BareEngine]:
        """Ready once both models are loaded."""
        script = Path(__file__).with_name("bare_engine.py")
        process = await asyncio.create_subprocess_exec(
            str(python), str(script), str(repository), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
            limit=64 * BYTES_A_MB,
        )  # fmt: skip
        engine = cls(process)
        await engine._line()
        try:
            yield engine
        finally:
            process.kill()
            await process.wait()

    async def _line(self) -> bytes:
        if self._process.stdout is None:
            raise Misconfigured("the bare engine has no output")
        return await self._process.stdout.readline()

    async def seconds(self, questions: dict[str, list[Question]]) -> float:
        """How long the engine takes for these questions of both models."""
        if self._process.stdin is None:
            raise Misconfigured("the bare engine has no input")
        self._process.stdin.write(json.dumps(questions).encode() + b"\n")
        await self._process.stdin.drain()
        return float(json.loads(await self._line())["seconds"])


@dataclass(slots=True)
class Bench:
    """One worker on a topic and a run of its own, with what is needed to measure it."""

    service: Service
    stored: StoredTimes
    asked: Asked
    topic: str
    nonce: str
    running: asyncio.Future[Any]

    async def publish(self, chunk: Sequence[Post]) -> dict[str, float]:
        """Publish a chunk at once; the time each record was handed over, by document id."""
        began = time.perf_counter()
        await self.service.relay.publish([post.record(self.topic, self.nonce) for post in chunk])
        return {f"{self.nonce}-{post.number}": began for post in chunk}

    async def wait_for(self, ids: Sequence[str]) -> None:
        """Until all of them are stored; a worker that fails meanwhile fails the benchmark."""
        stored = asyncio.ensure_future(self.stored.wait_for(ids))
        await asyncio.wait({stored, self.running}, return_when=asyncio.FIRST_COMPLETED)
        if not stored.done():
            stored.cancel()
            self.running.result()
            raise Misconfigured("the benchmark's worker has ended early")

    async def through(self, chunk: Sequence[Post]) -> float:
        """Seconds from publishing a chunk to its last document being stored."""
        sent = await self.publish(chunk)
        await self.wait_for(list(sent))
        return max(self.stored.at[source_id] for source_id in sent) - min(sent.values())


@asynccontextmanager
async def bench_worker(settings: Settings, nonce: str, null: bool) -> AsyncIterator[Bench]:  # noqa: FBT001
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
                yield Bench(service, stored, asked, topic.name, nonce, running)
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


async def measure(settings: Settings, plan: Plan, python: Path, tell: Tell) -> dict[str, Any]:
    """All figures of `bench pipeline`; see the module's text for how."""
    nonce = f"{time.time_ns():x}"
    texts = posts(nonce)
    result: dict[str, Any] = {}
    async with bench_worker(settings, nonce, null=False) as bench:
        await bench.through(list(islice(texts, 64)))
        bench.asked.take()
        result |= await compare(bench, texts, plan, python, settings.model_repo.resolve(), tell)
        tell("latency at a quiet rate")
        result["latency_seconds"] = await latency(bench, list(islice(texts, plan.latency_texts)))
    tell("null model")
    async with bench_worker(settings, f"{nonce}n", null=True) as bench:
        await bench.through(list(islice(texts, 64)))
        chunk = list(islice(texts, plan.null_texts))
        result["null_model_documents_per_second"] = round(len(chunk) / await bench.through(chunk), 1)
    result["worker_peak_memory_mb"] = round(peak_memory_mb(), 1)
    return result


async def compare(
    bench: Bench, texts: Any, plan: Plan, python: Path, repository: Path, tell: Tell
) -> dict[str, Any]:
    """Pipeline, Triton and engine in turn, chunk by chunk."""
    rows = []
    async with BareEngine.start(python, repository) as engine:
        for number in range(plan.chunks):
            tell(f"chunk {number + 1} of {plan.chunks}")
            chunk = list(islice(texts, plan.chunk_texts))
            pipeline = await bench.through(chunk)
            questions = bench.asked.take()
            triton = await timed(
                asyncio.gather(
                    *(bench.asked.inner.classify(model, asked) for model, asked in questions.items())
                )
            )
            bare = await engine.seconds(questions)
            rows.append((sum(map(len, questions.values())), pipeline, triton, bare, len(chunk)))
    count = sum(row[0] for row in rows)
    rates = [count / sum(row[place] for row in rows) for place in (1, 2, 3)]
    return {
        "inferences": count,
        "documents": sum(row[4] for row in rows),
        "pipeline_inferences_per_second": round(rates[0], 1),
        "triton_inferences_per_second": round(rates[1], 1),
        "engine_inferences_per_second": round(rates[2], 1),
        "pipeline_over_triton": round(rates[0] / rates[1], 3),
        "triton_over_engine": round(rates[1] / rates[2], 3),
        "pipeline_over_triton_by_chunk": [round(row[2] / row[1], 3) for row in rows],
        "triton_over_engine_by_chunk": [round(row[3] / row[2], 3) for row in rows],
        "pipeline_documents_per_second": round(sum(row[4] for row in rows) / sum(row[1] for row in rows), 1),
    }


async def timed(work: Any) -> float:
    """Seconds that an awaitable takes."""
    began = time.perf_counter()
    await work
    return time.perf_counter() - began


async def latency(bench: Bench, chunk: Sequence[Post]) -> dict[str, float]:
    """Seconds from publish to stored, at a rate far below what the models can do."""
    sent: dict[str, float] = {}
    for post in chunk:
        sent |= await bench.publish([post])
        await asyncio.sleep(1 / LATENCY_RATE)
    await bench.wait_for(list(sent))
    waits = sorted(bench.stored.at[source_id] - at for source_id, at in sent.items())
    cuts = statistics.quantiles(waits, n=20)
    return {"p50": round(statistics.median(waits), 3), "p95": round(cuts[-1], 3), "rate": LATENCY_RATE}


def peak_memory_mb() -> float:
    """Peak resident memory of this process, which holds the worker (and the benchmark's own lists)."""
    import resource  # noqa: PLC0415

    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return kilobytes / 1024 if os.uname().sysname == "Linux" else kilobytes / BYTES_A_MB
