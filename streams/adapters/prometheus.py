"""Metrics in Prometheus' terms: what is counted as it happens, and what is read off the worker's status when asked."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from streams import __version__, telemetry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from prometheus_client.core import Metric as Family

    from streams.domain.batch import Batch
    from streams.domain.document import Probabilities
    from streams.domain.score import ModelInfo, Question
    from streams.ports import Classifier
    from streams.runtime.status import WorkerStatus
    from streams.telemetry import Metric

HISTORY_SECONDS = 24 * 3600.0
"""A record this old was not published just now: it is history being read."""


class Telemetry:
    """One process's metrics, in a registry of their own."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series for each, which nobody reads
        self.registry = CollectorRegistry()
        self._counters = {
            one.name: Counter(one.full_name, one.help, one.labels, registry=self.registry)
            for one in telemetry.COUNTERS
        }
        self._histograms = {
            one.name: Histogram(
                one.full_name, one.help, one.labels, registry=self.registry, buckets=one.buckets
            )
            for one in telemetry.HISTOGRAMS
        }
        ProcessCollector(registry=self.registry)

    def watch(self, status: Callable[[], WorkerStatus], is_live: Callable[[], bool]) -> None:
        """From now on the page shows this status, too."""
        self.registry.register(StatusCollector(status, is_live))

    def add(self, metric: Metric, count: float, *labels: str) -> None:
        self._counters[metric.name].labels(*labels).inc(count)

    def observe(
        self, metric: Metric, value: float, *labels: str, exemplar: dict[str, str] | None = None
    ) -> None:
        self._histograms[metric.name].labels(*labels).observe(value, exemplar)

    def stored(self, topic: str, batch: Batch, records: int) -> None:
        """A slice was committed just now."""
        self.add(telemetry.RECORDS, records, topic)
        self.add(telemetry.DOCUMENTS, len(batch.documents), topic)
        self.observe(telemetry.SLICE_RECORDS, records, topic)
        for letter in batch.dead_letters:
            self.add(telemetry.DEAD_LETTERS, 1, topic, letter.reason)
        self._latencies(topic, batch)

    def _latencies(self, topic: str, batch: Batch) -> None:
        now = time.time()
        ages = [(now - item.enriched.record.timestamp.timestamp(), item) for item in batch.documents]
        recent = [(max(age, 0.0), item) for age, item in ages if age < HISTORY_SECONDS]
        slowest = max(recent, key=lambda pair: pair[0], default=None)
        for pair in recent:
            named = {"document_id": str(pair[1].enriched.document.document_id)} if pair is slowest else None
            self.observe(telemetry.END_TO_END, pair[0], topic, exemplar=named)

    def page(self, accept: str) -> tuple[bytes, str]:
        """The page and its content type: OpenMetrics, which alone carries exemplars, where the reader takes it."""
        encode, content_type = choose_encoder(accept)
        return encode(self.registry), content_type


class StatusCollector(Collector):
    """Gauges and counters that the worker keeps anyway, read when somebody asks."""

    def __init__(self, status: Callable[[], WorkerStatus], is_live: Callable[[], bool]) -> None:
        self._status = status
        self._is_live = is_live

    def collect(self) -> Iterator[Family]:
        status = self._status()
        yield gauge(telemetry.BUILD, [((__version__,), 1)])
        yield gauge(telemetry.STARTED, [((), time.time() - status.age)])
        yield gauge(telemetry.LIVE, [((), float(self._is_live()))])
        yield from partitions(status)
        yield from dependencies(status)
        yield counter(telemetry.PANES_CLOSED, [((), status.panes_closed)])
        yield counter(telemetry.ALERTS_OPENED, [((), status.alerts_opened)])
        now = time.monotonic()
        yield gauge(telemetry.CLOSED_UNTIL, since_epoch(status))
        yield gauge(telemetry.CLOSER_AGE, ages(now, status.closer_stepped))
        yield gauge(telemetry.MODELS_ANSWERED, ages(now, status.models_answered))

    def describe(self) -> Iterable[Family]:
        """Nothing: names are unique by construction, and collecting needs a worker."""
        return ()


Samples = list[tuple[tuple[str, ...], float]]


def gauge(metric: Metric, samples: Samples) -> GaugeMetricFamily:
    family = GaugeMetricFamily(metric.full_name, metric.help, labels=metric.labels)
    for labels, value in samples:
        family.add_metric(labels, value)
    return family


def counter(metric: Metric, samples: Samples) -> CounterMetricFamily:
    family = CounterMetricFamily(metric.full_name, metric.help, labels=metric.labels)
    for labels, value in samples:
        family.add_metric(labels, value)
    return family


def ages(now: float, moment: float | None) -> Samples:
    """Seconds since a `time.monotonic`; no sample before the first time."""
    return [] if moment is None else [((), now - moment)]


def since_epoch(status: WorkerStatus) -> Samples:
    return [] if status.closed_until is None else [((), status.closed_until.timestamp())]


def partitions(status: WorkerStatus) -> Iterator[Family]:
    """Lag, silence and watermark of what is assigned."""
    now = time.time()
    lags: Samples = []
    delays: Samples = []
    quiets: Samples = []
    for source, at in sorted(status.partitions.items()):
        labels = (source.topic, str(source.partition))
        quiets.append((labels, at.quiet_seconds))
        if at.end is not None:
            lags.append((labels, max(0, at.end - at.stored)))
        if at.watermark is not None:
            delays.append((labels, now - at.watermark.timestamp()))
    yield gauge(telemetry.LAG, lags)
    yield gauge(telemetry.QUIET, quiets)
    yield gauge(telemetry.WATERMARK_DELAY, delays)


def dependencies(status: WorkerStatus) -> Iterator[Family]:
    """Breakers, and topics that were halted."""
    yield gauge(
        telemetry.DEPENDENCY,
        [
            ((name, state), float(state == one.state))
            for name, one in sorted(status.dependencies.items())
            for state in telemetry.STATES
        ],
    )
    opened: Samples = [((name,), one.opened) for name, one in sorted(status.dependencies.items())]
    yield counter(telemetry.DEPENDENCY_OPENED, opened)
    topics = {source.topic for source in status.partitions} | set(status.halted)
    yield gauge(telemetry.HALTED, [((topic,), float(topic in status.halted)) for topic in sorted(topics)])


class MeasuredClassifier:
    """A classifier whose calls are timed; see `streams.ports.Classifier`."""

    def __init__(self, classifier: Classifier, measured: Telemetry) -> None:
        self._classifier = classifier
        self._telemetry = measured

    async def info(self, model: str) -> ModelInfo:
        return await self._classifier.info(model)

    async def probe(self) -> None:
        await self._classifier.probe()

    async def classify(self, model: str, questions: Sequence[Question]) -> list[Probabilities | None]:
        """The same, with its time, texts and failures noted."""
        began = time.monotonic()
        try:
            answers = await self._classifier.classify(model, questions)
        except Exception:
            self._telemetry.add(telemetry.INFERENCE_FAILURES, 1, model)
            raise
        self._telemetry.observe(telemetry.INFERENCE, time.monotonic() - began, model)
        self._telemetry.add(telemetry.INFERENCE_TEXTS, len(questions), model)
        return answers
