"""What one transaction stores, and how it is put together."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from streams.domain.document import (
        DeadLetter,
        Probabilities,
        RawRecord,
        Scored,
        SourceClass,
        SourcePartition,
    )
    from streams.domain.score import ScoreKey


@dataclass(frozen=True, slots=True)
class WatermarkStep:
    """The Kafka time at which a partition's watermark first let panes up to ``closes_until`` close."""

    closes_until: datetime
    known_at: datetime
    next_offset: int = 0
    """The offset after that record; with ``rejected`` it tells which share of the records since the last step was bad."""
    rejected: int = 0


@dataclass(frozen=True, slots=True)
class Move:
    """The stretch of one partition that a batch covers: offsets [first, next_offset)."""

    source: SourcePartition
    source_class: SourceClass
    first: int
    next_offset: int
    watermark: datetime | None
    steps: tuple[WatermarkStep, ...] = ()
    known_at: datetime | None = None
    rejected: int = 0


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

    def with_documents(self, documents: tuple[Scored, ...], buried: tuple[DeadLetter, ...] = ()) -> Batch:
        """The same stretch with some of its documents; ``buried`` are the letters of the others."""
        texts = {item.enriched.text_hash for item in documents}
        return Batch(
            self.moves,
            documents,
            self.dead_letters + buried,
            tuple(score for score in self.scores if score.key.text_hash in texts),
        )

    def beyond(self, stored: Mapping[SourcePartition, int]) -> Batch:
        """What is left to write where partitions are stored up to these offsets already.

        Another worker has written the rest, or a commit of our own whose answer was lost.
        """

        def is_left(record: RawRecord) -> bool:
            return record.offset >= stored.get(record.source, 0)

        return Batch(
            moves=tuple(
                replace(move, first=max(move.first, stored.get(move.source, 0)))
                for move in self.moves
                if stored.get(move.source, 0) < move.next_offset
            ),
            documents=tuple(item for item in self.documents if is_left(item.enriched.record)),
            dead_letters=tuple(letter for letter in self.dead_letters if is_left(letter.record)),
            scores=self.scores,
        )
