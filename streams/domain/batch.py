"""What one transaction stores, and how it is put together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from streams.domain.document import DeadLetter, Probabilities, Scored, SourceClass, SourcePartition
    from streams.domain.score import ScoreKey


@dataclass(frozen=True, slots=True)
class WatermarkStep:
    """The Kafka time at which a partition's watermark first let panes up to ``closes_until`` close."""

    closes_until: datetime
    known_at: datetime


@dataclass(frozen=True, slots=True)
class Move:
    """The stretch of one partition that a batch covers: offsets [first, next_offset)."""

    source: SourcePartition
    source_class: SourceClass
    first: int
    next_offset: int
    watermark: datetime | None
    steps: tuple[WatermarkStep, ...] = ()


@dataclass(frozen=True, slots=True)
class NewScore:
    """An answer that was not in the store yet."""

    key: ScoreKey
    model: str
    version: str
    probabilities: Probabilities


@dataclass(frozen=True, slots=True)
class Batch:
    """Everything that one persist transaction writes."""

    moves: tuple[Move, ...]
    documents: tuple[Scored, ...] = ()
    dead_letters: tuple[DeadLetter, ...] = ()
    scores: tuple[NewScore, ...] = ()

    def without(self, partitions: frozenset[tuple[str, int]]) -> Batch:
        """The batch less all records of some partitions (another worker has stored them)."""

        def mine(source: SourcePartition) -> bool:
            return (source.topic, source.partition) not in partitions

        return Batch(
            moves=tuple(move for move in self.moves if mine(move.source)),
            documents=tuple(doc for doc in self.documents if mine(doc.enriched.record.source)),
            dead_letters=tuple(letter for letter in self.dead_letters if mine(letter.record.source)),
            scores=self.scores,
        )
