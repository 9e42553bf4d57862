"""What was erased stays erased: the ledger that every run, live or replay, reads its input through."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from streams.domain.document import Document, RawRecord, SourcePartition, document_id_of
from streams.domain.pseudonym import ANY_SOURCE, KeyRing, repost_origin

if TYPE_CHECKING:
    from collections.abc import Collection
    from uuid import UUID

    from streams.domain.batch import Batch

ERASED = "(erased)"
SHORTEST_NEEDLE = 6
"""A shorter text (a one-word headline) would blank what is not about it."""


@dataclass(frozen=True, slots=True)
class Ledger:
    """The erasures so far. ``version`` grows with each; an empty ledger covers nothing and costs nothing."""

    keys: KeyRing
    version: int = 0
    documents: frozenset[UUID] = frozenset()
    authors: frozenset[bytes] = frozenset()
    records: frozenset[tuple[SourcePartition, int]] = frozenset()

    def covers(self, document: Document) -> bool:
        """Whether this document was erased: itself, its author, or the author whom it repeats."""
        if not self.version:
            return False
        if document.document_id in self.documents:
            return True
        if not self.authors:
            return False
        return self._is_by(document.source, document.author) or self._is_by(
            document.source, repost_origin(document.title or document.content)
        )

    def _is_by(self, source: str, handle: str) -> bool:
        return bool(handle) and any(
            key.pseudonym(place, handle) in self.authors
            for key in self.keys.keys
            for place in (source, ANY_SOURCE)
        )

    def covers_record(self, record: RawRecord) -> bool:
        """Whether the bytes of a record that never became a document may not be kept."""
        if not self.version:
            return False
        return (record.source, record.offset) in self.records or self.covers_payload(record.value or b"")

    def covers_payload(self, value: bytes) -> bool:
        """Whether these bytes, as far as they can be read, are an erased document or by an erased author."""
        source, source_id, author = names_in(value)
        if source and source_id and document_id_of(source, source_id) in self.documents:
            return True
        return bool(self.authors) and self._is_by(source, author)

    def without_erased(self, batch: Batch) -> Batch:
        """The batch without erased documents and their scores; of dead letters only the bytes go."""
        if not self.version:
            return batch
        documents = tuple(item for item in batch.documents if not self.covers(item.enriched.document))
        letters = tuple(
            replace(letter, record=emptied(letter.record)) if self.covers_record(letter.record) else letter
            for letter in batch.dead_letters
        )
        if len(documents) == len(batch.documents):
            return replace(batch, dead_letters=letters)
        texts = {item.enriched.text_hash for item in documents}
        scores = tuple(score for score in batch.scores if score.key.text_hash in texts)
        return replace(batch, documents=documents, dead_letters=letters, scores=scores)


def emptied(record: RawRecord) -> RawRecord:
    """The record's place and time, without its content."""
    return replace(record, key=None, value=b"", headers=())


def names_in(value: bytes) -> tuple[str, str, str]:
    """Source, source-side id and author of bytes that are a JSON object; empty where there is none."""
    try:
        found = json.loads(value)
    except (ValueError, RecursionError):
        return "", "", ""
    if not isinstance(found, dict):
        return "", "", ""
    return tuple(  # type: ignore[return-value]
        str(text) if isinstance(text := found.get(name), str | int) else ""
        for name in ("source", "id", "author")
    )


def scrubbed(value: Any, needles: Collection[str]) -> Any:
    """A JSON value with `(erased)` in place of every string that contains one of the needles."""
    if isinstance(value, str):
        return ERASED if any(needle in value for needle in needles) else value
    if isinstance(value, list):
        return [scrubbed(item, needles) for item in value]
    if isinstance(value, dict):
        return {name: scrubbed(item, needles) for name, item in value.items()}
    return value


def needles_of(texts: Collection[str]) -> tuple[str, ...]:
    """The texts that are long enough to be looked for, the longest first."""
    return tuple(
        sorted({text for text in texts if len(text) >= SHORTEST_NEEDLE}, key=lambda text: (-len(text), text))
    )
