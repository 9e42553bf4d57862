"""A valid document → the same with its texts in the one form that is stored, shown and scored."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from streams.domain import text
from streams.domain.outcome import Keep, Reason, Reject

if TYPE_CHECKING:
    from streams.domain.document import Document
    from streams.wire.limits import InputLimits


def normalise(document: Document, limits: InputLimits) -> Keep[Document] | Reject:
    """Idempotent. Rejects what turns out empty (only invisible characters) or too long (NFKC can expand)."""
    title, content = text.normalise(document.title), text.normalise(document.content)
    if not document.deleted and not title and not content:
        return Reject(Reason.EMPTY_TEXT, "title and content: only invisible characters")
    if len(title) + len(content) > limits.text_chars:
        return Reject(Reason.TEXT_TOO_LONG, f"title and content: longer than {limits.text_chars} characters")
    return Keep(
        replace(
            document,
            title=title,
            content=content,
            language=primary_language(document.language),
            url="".join(document.url.split()),
            author=text.normalise(document.author),
            publisher=text.normalise(document.publisher),
        )
    )


def primary_language(tag: str) -> str:
    """`zh` of zh-CN and zh_Hans, lower case; empty for undetermined."""
    if not tag:
        return ""
    primary = tag.strip().replace("_", "-").split("-", 1)[0].lower()
    return "" if primary == "und" else primary
