"""A row of GDELT's Global Knowledge Graph 2.1: 27 columns between tabs, UTF-8, times in UTC.

GDELT names an article and quotes from it; it does not carry its text. Title (`PAGE_TITLE`, since 2019) and quotations are
what there is to read; the quotations of a translated article are left out, since its title is not translated.
"""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING, Any, Final

from streams.domain.outcome import Reason, Reject
from streams.wire.authority import web_address

if TYPE_CHECKING:
    from collections.abc import Mapping

SOURCE: Final = "gdelt"
COLUMNS: Final = (
    "record_id", "date", "collection", "source_name", "document_identifier", "counts_v1", "counts", "themes_v1", "themes",
    "locations_v1", "locations", "persons_v1", "persons", "organizations_v1", "organizations", "tone", "dates", "gcam",
    "sharing_image", "related_images", "image_embeds", "video_embeds", "quotations", "names", "amounts", "translation",
    "extras",
)  # fmt: skip

_ROW: Final = re.compile(rb"[0-9]{14}-T?[0-9]{1,9}\t")
_DATE: Final = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})([0-9]{2})([0-9]{2})([0-9]{2})")
_TITLE: Final = re.compile(r"<PAGE_TITLE>([^<]*)</PAGE_TITLE>")
_ORIGINAL_LANGUAGE: Final = re.compile(r"srclc:([a-z]{2,3})\b")
# The two languages that the models read; the rest may stay as GDELT writes it (ISO 639-3).
_LANGUAGES: Final = {"eng": "en", "zho": "zh"}


def looks_like(value: bytes) -> bool:
    """Begins with a GKG record id, as no JSON object does."""
    return _ROW.match(value) is not None


def parse(value: bytes) -> dict[str, Any] | Reject:
    """The columns by name."""
    try:
        text = value.decode()
    except UnicodeDecodeError as error:
        return Reject(Reason.NOT_UTF8, f"byte {error.start}")
    if "\x00" in text:
        return Reject(Reason.NULL_BYTE, "in a row")
    columns = text.rstrip("\r\n").split("\t")
    if len(columns) != len(COLUMNS):
        return Reject(Reason.INVALID_VALUE, f"{len(columns)} columns instead of {len(COLUMNS)}")
    return dict(zip(COLUMNS, columns, strict=True))


def translate(row: Mapping[str, str]) -> dict[str, Any] | Reject:
    """Fields of `document.v1`."""
    title = _TITLE.search(row["extras"])
    original = _ORIGINAL_LANGUAGE.search(row["translation"])
    return {
        "id": row["record_id"],
        "source": SOURCE,
        "event_time": _DATE.sub(r"\1-\2-\3T\4:\5:\6Z", row["date"]),
        "title": html.unescape(title[1]) if title else "",
        "content": "" if original else _quotations(row["quotations"]),
        "language": _LANGUAGES.get(original[1], original[1]) if original else "en",
        "publisher": row["source_name"],
        "url": web_address(row["document_identifier"]),
    }


def _quotations(column: str) -> str:
    """`offset|length|verb|quotation` between `#`: the quotations, a line each."""
    parts = (block.split("|", 3) for block in column.split("#"))
    return "\n".join(part[3].strip() for part in parts if len(part) == 4)
