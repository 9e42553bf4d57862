"""The table of contents: the ordered steps of a document's way, from Kafka records to one batch for Postgres.

    records ── read (decode → validate → normalise) ──► documents, dead letters     in offset order, moves the watermark
    documents ── enrich ──► language, entities, text, signature
    enriched ── classify ──► topic, sentiment of each mention                        cache, then Triton
    scored ── batch ──► one transaction                                              `DocumentStore.persist`

Windows and alerts follow from what is stored: see `streams.stages.close_windows` and `streams.stages.detect`.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from streams.domain.batch import Batch, Move
from streams.domain.document import DeadLetter
from streams.domain.outcome import Drop, Keep, Reason, Reject
from streams.stages.enrich import Unread
from streams.stages.read_record import in_time, read_record

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from streams.domain.document import Document, Enriched, RawRecord, SourceClass, SourcePartition
    from streams.domain.watermark import PartitionClock
    from streams.ports import Erasures
    from streams.stages.classify import ScoringStage
    from streams.stages.enrich import Enricher
    from streams.wire.limits import InputLimits

# Enriching one document takes about 70 µs: hand the loop back between so many.
YIELD_EVERY = 32


@dataclass(frozen=True, slots=True)
class Slice:
    """A stretch of records of one topic, read in offset order."""

    moves: tuple[Move, ...]
    documents: tuple[Unread, ...]
    dead_letters: tuple[DeadLetter, ...]
    records: int

    def half(self, documents: tuple[Unread, ...]) -> Slice:
        """Some of its documents, without anything else."""
        return Slice((), documents, (), len(documents))


@dataclass(frozen=True, slots=True)
class Pipeline:
    """The steps with their tools."""

    limits: InputLimits
    enricher: Enricher
    scoring: ScoringStage
    erasures: Erasures | None = None

    def read(self, records: Sequence[RawRecord], clocks: Mapping[SourcePartition, PartitionClock]) -> Slice:
        """Decode, validate and normalise; moves each record's clock. Call it in offset order. Never raises.

        A record that makes a stage raise is rejected: reading is pure, so trying again would change nothing.
        """
        documents: list[Unread] = []
        letters: list[DeadLetter] = []
        touched: dict[SourcePartition, PartitionClock] = {}
        for record in records:
            clock = touched.setdefault(record.source, clocks[record.source])
            outcome = in_time(self._read(record, clock.source_class), clock.watermark, self.limits)
            if isinstance(outcome, Reject):
                clock.count_reject()
            known = clock.advance(record.offset, event_time_of(outcome), record.timestamp)
            if isinstance(outcome, Keep):
                if self.erasures is None or not self.erasures.covers(outcome.value):
                    known_at = clock.knows_at(record.timestamp)
                    documents.append(Unread(outcome.value, record, known, known_at))
            elif isinstance(outcome, Reject):
                letters.append(DeadLetter(record, outcome.reason.value, outcome.detail))
        moves = tuple(clock.take_move() for clock in touched.values())
        return Slice(moves, tuple(documents), tuple(letters), len(records))

    def _read(self, record: RawRecord, source_class: SourceClass) -> Keep[Document] | Drop | Reject:
        try:
            return read_record(record, source_class, self.limits)
        except Exception as error:  # noqa: BLE001 - whatever a stage raises, the record is what it could not read
            return Reject(Reason.STAGE_FAILED, f"read: {type(error).__name__}")

    async def finish(self, part: Slice) -> Batch:
        """Enrich and classify a slice.

        Raises:
            Unavailable: a dependency does not answer; calling again with the same slice is right.
        """
        enriched = await self._enrich(part.documents)
        classified = await self.scoring.classify(enriched)
        refused = tuple(
            DeadLetter(item.record, Reason.MODEL_REFUSED.value, "the model refuses this text")
            for item in classified.refused
        )
        return Batch(part.moves, classified.documents, part.dead_letters + refused, classified.scores)

    async def _enrich(self, documents: Sequence[Unread]) -> list[Enriched]:
        enriched: list[Enriched] = []
        for start in range(0, len(documents), YIELD_EVERY):
            enriched += self.enricher.enrich_all(documents[start : start + YIELD_EVERY])
            await asyncio.sleep(0)
        return enriched


def event_time_of(outcome: Keep[Document] | Drop | Reject) -> datetime | None:
    """What moves the watermark: documents and heartbeats do, rejects and embargoed documents do not."""
    if isinstance(outcome, Keep):
        return None if outcome.value.embargoed else outcome.value.event_time
    return outcome.event_time if isinstance(outcome, Drop) else None
