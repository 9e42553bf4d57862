"""A JSON object → a document whose every field has the right type, length and date."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from streams.domain.outcome import Reject
from streams.wire.document_v1 import read_document, with_event_headers

if TYPE_CHECKING:
    from streams.domain.document import Document, RawRecord, SourceClass
    from streams.domain.outcome import Keep
    from streams.wire.limits import InputLimits


def validate(
    payload: dict[str, Any], record: RawRecord, source_class: SourceClass, limits: InputLimits
) -> Keep[Document] | Reject:
    """The document, or the first thing that is wrong with it; its texts are still as they came."""
    filled = with_event_headers(payload, record)
    if isinstance(filled, Reject):
        return filled
    return read_document(filled, record.timestamp, source_class, limits)
