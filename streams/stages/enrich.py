"""Enrich: language, entities, the text the models read, and its signature. Pure; the tools are handed in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from streams.domain.document import Enriched
from streams.domain.text import text_hash

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from streams.domain.document import Document, RawRecord
    from streams.domain.entity import EntityMention
    from streams.ports import EntityMatcher, LanguageDetector, Signer

# The models read 128 tokens: about 500 characters of English, 200 of Chinese. Longer texts cost time and change nothing.
MODEL_CHARS = 600


def model_text(title: str, content: str) -> str:
    """Headline and body as one text; a body that repeats its headline (【…】 flashes) is not read twice."""
    if not title or title in content[: len(title) + 2]:
        text = content or title
    elif not content:
        text = title
    else:
        text = f"{title}\n{content}"
    return text[:MODEL_CHARS].strip()


class Unread(NamedTuple):
    """A valid document as this stage gets it: with its record, the watermark just before it, and when it could be known."""

    document: Document
    record: RawRecord
    known_watermark: datetime | None
    known_at: datetime


@dataclass(frozen=True, slots=True)
class Enricher:
    """The tools of this stage."""

    matcher: EntityMatcher
    signer: Signer
    languages: LanguageDetector

    def enrich(
        self, document: Document, record: RawRecord, known_watermark: datetime | None, known_at: datetime
    ) -> Enriched:
        """Everything that is known of a document before a model has read it; a withdrawn one has no mentions."""
        unread = Unread(document, record, known_watermark, known_at)
        return self._enriched(unread, self.signer.sign(document.title, document.content))

    def enrich_all(self, documents: Sequence[Unread]) -> list[Enriched]:
        """The same for many."""
        texts = [(item.document.title, item.document.content) for item in documents]
        signed = zip(documents, self.signer.sign_all(texts), strict=True)
        return [self._enriched(item, signature) for item, signature in signed]

    def _enriched(self, item: Unread, signature: bytes) -> Enriched:
        document = item.document
        text = model_text(document.title, document.content)
        language = self.languages.detect(text, document.language)
        mentions: tuple[EntityMention, ...] = ()
        if not document.deleted:
            mentions = self.matcher.find(
                document.title, document.content, document.tickers, document.event_time
            )
        return Enriched(
            document=document,
            record=item.record,
            known_watermark=item.known_watermark,
            known_at=item.known_at,
            text=text,
            text_hash=text_hash(text),
            language=language,
            signature=signature,
            mentions=mentions,
        )
