"""Composition root: settings → adapters → stages → service. Reads like a list; decides nothing."""

from __future__ import annotations

from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from streams.adapters.kafka.admin import offset_spans
from streams.adapters.kafka.producer import KafkaProducer
from streams.adapters.language import FunctionWordDetector
from streams.adapters.memory.relay import MemoryRelay
from streams.adapters.minhash import DatasketchSigner
from streams.adapters.postgres.closing import PostgresClosingStore
from streams.adapters.postgres.connection import Database
from streams.adapters.postgres.documents import PostgresDocumentStore
from streams.adapters.postgres.erasure_ledger import check_keys
from streams.adapters.postgres.migrate import check
from streams.adapters.postgres.outbox import PostgresOutbox
from streams.adapters.postgres.registry import add_reference, load_reference
from streams.adapters.postgres.rows import RowMaker
from streams.adapters.postgres.runs import Run, ensure_run
from streams.adapters.postgres.scores import PostgresScoreStore
from streams.adapters.prometheus import MeasuredClassifier, Telemetry
from streams.adapters.triton.client import TritonClassifier
from streams.domain.document import SourceClass
from streams.domain.score import SENTIMENT, TOPIC
from streams.errors import Misconfigured
from streams.gazetteer.catalogue import Gazetteer
from streams.gazetteer.matcher import AhoCorasickMatcher
from streams.pipeline import Pipeline
from streams.replay.whatif import shaping
from streams.runtime.service import Service
from streams.settings import Settings, require
from streams.stages.classify import ScoringStage
from streams.stages.close_windows import Closer
from streams.stages.enrich import Enricher
from streams.telemetry import ANSWERS
from streams.wire.limits import InputLimits
from streams.wire.topics import SOURCE_CLASSES

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from streams.domain.document import SourcePartition
    from streams.ports import Classifier, Relay


async def find_ends(
    settings: Settings, run: Run, store: PostgresDocumentStore, inputs: Mapping[str, SourceClass]
) -> Mapping[SourcePartition, int]:
    """Make the progress rows of all input partitions and return their end offsets as of now.

    Raises:
        Misconfigured: stored progress lies beyond a partition's end: the topic was made anew under the same run.
    """
    spans = await offset_spans(settings.kafka, list(inputs))
    await store.register({source: (inputs[source.topic], span.beginning) for source, span in spans.items()})
    stored = await store.progress(list(spans))
    for source, span in spans.items():
        if stored[source].next_offset > span.end:
            raise Misconfigured(
                f"run {run.name} has stored {source.topic}-{source.partition} up to offset "
                f"{stored[source].next_offset}, but the topic ends at {span.end}: it was made anew; "
                "use another SENTIWATCH_RUN"
            )
    return {source: span.end for source, span in spans.items()}


@dataclass(frozen=True, slots=True)
class Variant:
    """How a service differs from the live one; benchmarks use it to stay apart from live rows and topics."""

    kind: str = "live"
    notify: bool | None = None
    """Whether its run writes to the outbox; None: as the settings say, else only the run named live does."""
    inputs: Mapping[str, SourceClass] = field(default_factory=lambda: SOURCE_CLASSES)
    classifier: Classifier | None = None
    """In place of Triton."""
    gazetteer: Gazetteer | None = None
    """In place of the one that ships; the reference tables gain what is new in it and lose nothing."""
    sentiment_version: str = ""
    """The only version of the sentiment model that may score; empty = whichever is served."""
    publishes: bool = True
    """Whether it needs Kafka to send anything to."""


LIVE = Variant()


def notifies(settings: Settings, variant: Variant) -> bool:
    """Whether this run's alerts and dead letters leave for Kafka."""
    stated = variant.notify if variant.notify is not None else settings.notify
    return settings.run == "live" if stated is None else stated


@asynccontextmanager
async def open_service(settings: Settings, variant: Variant = LIVE) -> AsyncIterator[Service]:
    """Connect everything; closes it again.

    Args:
        settings: the whole tree.
        variant: what to do otherwise than live.

    Raises:
        Misconfigured, Unavailable: the first start-up check that fails, as one clear line.
    """
    url = require(settings.postgres.address, "SENTIWATCH_POSTGRES__URL")
    gazetteer = variant.gazetteer or Gazetteer.load()
    check(url)
    async with AsyncExitStack() as stack:
        database = Database(url, settings.postgres.pool)
        await database.open()
        stack.push_async_callback(database.close)
        producer: Relay = MemoryRelay()
        if variant.publishes:
            require(settings.kafka.bootstrap, "SENTIWATCH_KAFKA__BOOTSTRAP")
            producer = await stack.enter_async_context(KafkaProducer.connect(settings.kafka))
        classifier = variant.classifier
        if classifier is None:
            classifier = await stack.enter_async_context(triton(settings))
        await refuse_other_model(classifier, variant.sentiment_version)
        run = await prepare_run(database, settings, variant, gazetteer)
        store = document_store(database, settings, run)
        measured = Telemetry()
        yield Service(
            settings=settings,
            inputs=variant.inputs,
            pipeline=Pipeline(
                limits=InputLimits.of(settings),
                enricher=Enricher(AhoCorasickMatcher(gazetteer), DatasketchSigner(), FunctionWordDetector()),
                scoring=await scoring_stage(
                    database, settings, MeasuredClassifier(classifier, measured), measured
                ),
                erasures=store.erasures,
            ),
            store=store,
            closer=Closer(PostgresClosingStore(database, run, settings), settings, run.name),
            outbox=PostgresOutbox(database, producer),
            relay=producer,
            find_ends=partial(find_ends, settings, run, store, variant.inputs),
            abandon=database.hang_up,
            telemetry=measured,
        )


async def refuse_other_model(classifier: Classifier, version: str) -> None:
    """A shadow run is scored by the version it is about, or not at all.

    Raises:
        Misconfigured: another one is served.
    """
    if not version:
        return
    served = (await classifier.info(SENTIMENT)).version
    if served != version:
        raise Misconfigured(f"--rescore {version}: Triton serves {served}; have it serve that version first")


def triton(settings: Settings) -> TritonClassifier:
    """The classifier in production."""
    return TritonClassifier(require(settings.triton.url, "SENTIWATCH_TRITON__URL"), settings.triton)


async def prepare_run(database: Database, settings: Settings, variant: Variant, gazetteer: Gazetteer) -> Run:
    """The run's row and partitions, and the reference tables as the gazetteer has them."""
    async with database.transaction() as connection:
        run = await ensure_run(
            connection,
            settings.run,
            kind=variant.kind,
            notify=notifies(settings, variant),
            settings=shaping(settings),
            gazetteer=gazetteer.version,
        )
        await (load_reference if variant.gazetteer is None else add_reference)(connection, gazetteer)
        await check_keys(connection, settings.privacy.key_ring())
    return run


def document_store(database: Database, settings: Settings, run: Run) -> PostgresDocumentStore:
    """Where this run's batches end."""
    rows = RowMaker(
        run_id=run.run_id,
        keys=settings.privacy.key_ring(),
        lateness={source_class: settings.lateness(source_class) for source_class in SourceClass},
    )
    return PostgresDocumentStore(database, run, rows, settings.limits.dead_letter_bytes)


async def scoring_stage(
    database: Database, settings: Settings, classifier: Classifier, measured: Telemetry
) -> ScoringStage:
    """The models as served, behind the scores that are stored."""
    scores = PostgresScoreStore(database)
    infos = {model: await classifier.info(model) for model in (SENTIMENT, TOPIC)}
    await scores.note_models(infos.values())
    stage = ScoringStage(classifier, scores, infos, settings.worker.cached_scores)
    stage.note = lambda model, origin, count: measured.add(ANSWERS, count, model, origin)
    return stage
