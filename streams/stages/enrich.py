"""Enrich: language, entities, the text the models read, and its signature. Pure; the tools are handed in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from streams.domain.document import Enriched
from streams.domain.text import text_hash

if TYPE_CHECKING:
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
        text = model_text(document.title, document.content)
        language = self.languages.detect(text, document.language)
        mentions: tuple[EntityMention, ...] = ()
        if not document.deleted:
            mentions = self.matcher.find(
                document.title, document.content, document.tickers, document.event_time
            )
        return Enriched(
            document=document,
            record=record,
            known_watermark=known_watermark,
            known_at=known_at,
            text=text,
            text_hash=text_hash(text),
            language=language,
            signature=self.signer.sign(document.title, document.content),
            mentions=mentions,
        )
