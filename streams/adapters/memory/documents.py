"""A document store in dictionaries, with the same rules as the one on Postgres."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from streams.adapters.memory.scores import MemoryScoreStore
from streams.domain.document import Progress
from streams.domain.versions import Stored, resolve
from streams.domain.window import floor, known_pane
from streams.errors import StaleWriter

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime, timedelta
    from uuid import UUID

    from streams.domain.batch import Batch, Move
    from streams.domain.document import (
        DeadLetter,
        Scored,
        ScoredMention,
        SourceClass,
        SourcePartition,
        Version,
    )

K = TypeVar("K")


@dataclass(slots=True)
class Kept:
    """One version: from which pane end on it is known, and each of its mentions."""

    item: Scored
    known_pane: datetime
    mentions: dict[str, tuple[ScoredMention, datetime]] = field(default_factory=dict)

    def add(self, item: Scored, pane: datetime) -> None:
        """Another delivery: adds the mentions it alone has, and may make the rest known earlier."""
        self.known_pane = min(self.known_pane, pane)
        for mention in item.mentions:
            present = self.mentions.get(mention.entity_id)
            self.mentions[mention.entity_id] = (
                (present[0], min(present[1], pane)) if present else (mention, pane)
            )


@dataclass(slots=True)
class MemoryDocumentStore:
    """``lateness`` decides from which pane end on a document is known, as in every store."""

    lateness: Mapping[SourceClass, timedelta]
    scores: MemoryScoreStore = field(default_factory=MemoryScoreStore)
    documents: dict[UUID, Kept] = field(default_factory=dict)
    history: dict[UUID, dict[Version, Kept]] = field(default_factory=dict)
    dead_letters: dict[tuple[SourcePartition, int], DeadLetter] = field(default_factory=dict)
    dirty: set[datetime] = field(default_factory=set)
    _progress: dict[SourcePartition, Progress] = field(default_factory=dict)

    async def register(self, partitions: Mapping[SourcePartition, tuple[SourceClass, int]]) -> None:
        """Partitions start at their beginning, unless they are known already."""
        for source, (_, beginning) in partitions.items():
            self._progress.setdefault(source, Progress(beginning, None))

    async def progress(self, partitions: Sequence[SourcePartition]) -> Mapping[SourcePartition, Progress]:
        return {source: self._progress[source] for source in partitions if source in self._progress}

    async def persist(self, batch: Batch) -> None:
        stale = frozenset((m.source.topic, m.source.partition) for m in batch.moves if not self._fits(m))
        if stale:
            raise StaleWriter(stale)
        self._progress |= {
            move.source: Progress(move.next_offset, move.watermark, move.known_at, move.rejected)
            for move in batch.moves
        }
        self.scores.keep(batch.scores)
        self._write(batch.documents)
        for letter in batch.dead_letters:
            self.dead_letters.setdefault((letter.record.source, letter.record.offset), letter)

    async def rehearse(self, batch: Batch) -> None:
        await MemoryDocumentStore.persist(copy.deepcopy(self), batch)

    def _fits(self, move: Move) -> bool:
        present = self._progress.get(move.source)
        return present is not None and present.next_offset == move.first

    def _write(self, documents: Sequence[Scored]) -> None:
        stored = {
            document_id: Stored(kept.item.enriched.document.version, kept.item.enriched.document.event_time)
            for document_id, kept in self.documents.items()
        }
        plan = resolve(stored, documents)
        for document_id in plan.replace:
            old = self.documents.pop(document_id)
            self.history.setdefault(document_id, {})[old.item.enriched.document.version] = old
        for item in plan.history:
            document = item.enriched.document
            self._deliver(self.history.setdefault(document.document_id, {}), document.version, item)
        for item in (*plan.insert, *plan.repeat):
            self._deliver(self.documents, item.enriched.document.document_id, item)
        self.dirty |= {floor(item.enriched.document.event_time) for item in documents}
        self.dirty |= {floor(old.event_time) for old in plan.replace.values()}

    def _deliver(self, place: dict[K, Kept], key: K, item: Scored) -> None:
        enriched = item.enriched
        lateness = self.lateness[enriched.document.source_class]
        pane = known_pane(enriched.document.event_time, enriched.known_watermark, lateness)
        place.setdefault(key, Kept(item, pane)).add(item, pane)

    def superseded_pane(self, document_id: UUID, version: Version) -> datetime:
        """The first pane end that knows a later version."""
        later = [kept.known_pane for other, kept in self.history[document_id].items() if other > version]
        return min([*later, self.documents[document_id].known_pane])
