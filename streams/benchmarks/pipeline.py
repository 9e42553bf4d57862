"""The whole pipeline against what its parts allow, interleaved in one run; latency; memory.

In each round one chunk of texts goes through the pipeline, then the same (text, target) pairs are asked of Triton directly
and of the bare engine, then another chunk goes through a pipeline whose model answers at once. Chunks alternate, so that a
machine whose speed drifts favours none of the four. What the parts allow, if nothing overlapped, is
``1 / (1 / model rate + 1 / null rate)``; the promise is 0.95 of it.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from streams.benchmarks.engine import BareEngine
from streams.benchmarks.texts import posts
from streams.benchmarks.workplace import resident_mb, workplace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from streams.benchmarks.texts import Post
    from streams.benchmarks.workplace import Workplace
    from streams.settings import Settings

    Tell = Callable[[str], None]

LATENCY_RATE = 20.0
WARM_TEXTS = 64


@dataclass(frozen=True, slots=True)
class Plan:
    """How much to measure. A null chunk is larger: it must take about as long as the rest is precise."""

    chunks: int = 5
    chunk_texts: int = 400
    null_texts: int = 4_000
    latency_texts: int = 100


@dataclass(frozen=True, slots=True)
class Round:
    """One chunk through each of the four."""

    documents: int
    inferences: int
    pipeline_seconds: float
    triton_seconds: float
    engine_seconds: float
    null_documents_per_second: float

    @property
    def expected_rate(self) -> float:
        """Inferences/s if model and the rest took turns."""
        null = self.null_documents_per_second * self.inferences / self.documents
        return 1 / (self.triton_seconds / self.inferences + 1 / null)

    @property
    def over_expected(self) -> float:
        """The pipeline's inferences/s over what its parts allow."""
        return self.inferences / self.pipeline_seconds / self.expected_rate


async def measure(settings: Settings, plan: Plan, python: Path, tell: Tell) -> dict[str, Any]:
    """All figures of `bench pipeline`; see the module's text for how."""
    nonce = f"{time.time_ns():x}"
    texts = posts(nonce)
    async with (
        workplace(settings, nonce, null=False) as real,
        workplace(settings, f"{nonce}n", null=True) as null,
        BareEngine.start(python, settings.model_repo.resolve()) as engine,
    ):
        for one in (real, null):
            await one.through(list(islice(texts, WARM_TEXTS)))
        real.asked.notes = True
        rounds = []
        for number in range(plan.chunks):
            tell(f"round {number + 1} of {plan.chunks}")
            rounds.append(await one_round(real, null, engine, texts, plan))
        tell("latency at a quiet rate")
        waits = await latency(real, list(islice(texts, plan.latency_texts)))
    return summary(rounds) | {"latency_seconds": waits, "worker_resident_mb": round(resident_mb(), 1)}


async def one_round(
    real: Workplace, null: Workplace, engine: BareEngine, texts: Iterator[Post], plan: Plan
) -> Round:
    """Pipeline, Triton, engine and null model in turn."""
    chunk = list(islice(texts, plan.chunk_texts))
    pipeline = await real.through(chunk)
    questions = real.asked.take()
    answers = (real.asked.inner.classify(model, asked) for model, asked in questions.items())
    triton = await timed(asyncio.gather(*answers))
    bare = await engine.seconds(questions)
    quick = list(islice(texts, plan.null_texts))
    inferences = sum(map(len, questions.values()))
    return Round(len(chunk), inferences, pipeline, triton, bare, await null.rate(quick))


def summary(rounds: Sequence[Round]) -> dict[str, Any]:
    """Medians over the rounds, each with the range of the rounds."""
    figures = {
        "pipeline_over_expected": [one.over_expected for one in rounds],
        "pipeline_over_triton": [one.triton_seconds / one.pipeline_seconds for one in rounds],
        "triton_over_engine": [one.engine_seconds / one.triton_seconds for one in rounds],
        "pipeline_inferences_per_second": [one.inferences / one.pipeline_seconds for one in rounds],
        "triton_inferences_per_second": [one.inferences / one.triton_seconds for one in rounds],
        "engine_inferences_per_second": [one.inferences / one.engine_seconds for one in rounds],
        "null_model_documents_per_second": [one.null_documents_per_second for one in rounds],
    }
    return {
        "inferences": sum(one.inferences for one in rounds),
        "documents": sum(one.documents for one in rounds),
        **{name: spread(values) for name, values in figures.items()},
    }


def spread(values: Sequence[float]) -> dict[str, float]:
    """Median, and the interval that holds it with 1 - 2 / 2^n confidence: from the smallest to the largest."""
    low, high = min(values), max(values)
    return {"median": figures(statistics.median(values)), "low": figures(low), "high": figures(high)}


def figures(value: float) -> float:
    """Four significant digits."""
    return float(f"{value:.4g}")


async def timed(work: Any) -> float:
    """Seconds that an awaitable takes."""
    began = time.perf_counter()
    await work
    return time.perf_counter() - began


async def latency(real: Workplace, chunk: Sequence[Post]) -> dict[str, float]:
    """Seconds from publish to stored, at a rate far below what the models can do."""
    sent: dict[str, float] = {}
    for post in chunk:
        sent[name := f"{real.nonce}-{post.number}"] = time.perf_counter()
        real.stored.watched.add(name)
        await real.publish([post])
        await asyncio.sleep(1 / LATENCY_RATE)
    await real.wait()
    waits = sorted(real.stored.at[name] - at for name, at in sent.items())
    cuts = statistics.quantiles(waits, n=20)
    return {"p50": round(statistics.median(waits), 3), "p95": round(cuts[-1], 3), "rate": LATENCY_RATE}
