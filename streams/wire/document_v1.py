"""`document.v1`: the payload that news and posts arrive in. `document_v1.schema.json` is its published form.

The schema and `read_document` agree, which a property test holds them to. What no schema can say (calendars,
dates against the Kafka timestamp, title and content together) is in the code alone. Fields that are not
listed are ignored: a producer may send more.
"""

from __future__ import annotations

from datetime import timedelta
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

import orjson

from streams.domain.document import Document
from streams.domain.outcome import Keep, Reason, Reject
from streams.wire.fields import FieldReader

if TYPE_CHECKING:
    from datetime import datetime

    from streams.domain.document import RawRecord, SourceClass
    from streams.wire.limits import InputLimits

VERSION: Final = "document.v1"
ID_CHARACTERS: Final = 256
SOURCE_CHARACTERS: Final = 128
LANGUAGE_CHARACTERS: Final = 35  # the longest language tag that RFC 5646 asks everybody to store
URL_CHARACTERS: Final = 2048
NAME_CHARACTERS: Final = 256
TICKERS: Final = 64
TICKER_CHARACTERS: Final = 32
LARGEST_REVISION: Final = 2**31 - 1
LONGEST_EMBARGO: Final = timedelta(days=366)

FIELDS: Final = (
    "version",
    "id",
    "source",
    "event_time",
    "source_time",
    "revision",
    "deleted",
    "title",
    "content",
    "language",
    "url",
    "author",
    "publisher",
    "tickers",
    "embargo_until",
)


@cache
def schema() -> dict[str, Any]:
    """The published JSON Schema (draft 2020-12)."""
    text = files("streams.wire").joinpath("document_v1.schema.json").read_bytes()
    loaded: dict[str, Any] = orjson.loads(text)
    return loaded


def read_document(
    payload: dict[str, Any], timestamp: datetime, source_class: SourceClass, limits: InputLimits
) -> Keep[Document] | Reject:
    """The document of a payload whose version is known; texts are checked but not yet normalised.

    Args:
        payload: the JSON object; strings hold neither NUL nor lone surrogates (`decode` saw to that).
        timestamp: the record's Kafka timestamp, against which dates are judged.
        source_class: of the topic it came from.
        limits: what is too long and too far ahead.
    """
    fields = FieldReader(payload)
    source_id = fields.name("id", ID_CHARACTERS)
    source = fields.name("source", SOURCE_CHARACTERS)
    event_time, source_time, embargoed = _times(fields, timestamp, limits.max_ahead)
    deleted = fields.flag("deleted")
    title, content = _texts(fields, limits.text_chars, deleted=deleted)
    document = Document(
        source=source,
        source_id=source_id,
        source_class=source_class,
        event_time=event_time,
        source_time=source_time,
        revision=fields.count("revision", LARGEST_REVISION),
        deleted=deleted,
        embargoed=embargoed,
        title=title,
        content=content,
        language=fields.text("language", LANGUAGE_CHARACTERS),
        url=fields.text("url", URL_CHARACTERS),
        author=fields.text("author", NAME_CHARACTERS),
        publisher=fields.text("publisher", NAME_CHARACTERS),
        tickers=fields.texts("tickers", TICKERS, TICKER_CHARACTERS),
    )
    return fields.problem or Keep(document)


def with_event_headers(payload: dict[str, Any], record: RawRecord) -> dict[str, Any] | Reject:
    """The payload with what only the CloudEvents 1.0 headers say: id, source and event_time."""
    if not record.headers:
        return payload
    filled = payload
    for header, value in record.headers:
        field = _EVENT_HEADERS.get(header)
        if field is None or filled.get(field) is not None or not value:
            continue
        try:
            filled = {**filled, field: value.decode()}
        except UnicodeDecodeError:
            return Reject(Reason.INVALID_VALUE, f"header {header}: not UTF-8")
    return filled


_EVENT_HEADERS: Final = {"ce_id": "id", "ce_source": "source", "ce_time": "event_time"}


def _times(fields: FieldReader, timestamp: datetime, max_ahead: timedelta) -> tuple[datetime, datetime, bool]:
    """Event time, source time, and whether the document is embargoed.

    An embargoed document happens at its release, whatever its own date, and only until then may it lie ahead
    of the Kafka timestamp. Every other date may be at most ``max_ahead`` past it.
    """
    event_time = fields.time("event_time", absent=timestamp)
    source_time = fields.optional_time("source_time")
    release = fields.optional_time("embargo_until")
    latest = timestamp + max_ahead
    embargoed = False
    if release is not None:
        if release > timestamp + LONGEST_EMBARGO:
            fields.reject(Reason.DATE_OUT_OF_RANGE, "embargo_until: more than a year ahead")
        event_time = max(event_time, release)
        embargoed = release > timestamp
        latest = max(latest, release)
    if event_time > latest:
        fields.reject(Reason.FUTURE_DATE, "event_time: later than the Kafka timestamp allows")
    if source_time is not None and source_time > latest:
        fields.reject(Reason.FUTURE_DATE, "source_time: later than the Kafka timestamp allows")
    return event_time, source_time or event_time, embargoed


def _texts(fields: FieldReader, text_chars: int, *, deleted: bool) -> tuple[str, str]:
    title, content = fields.text("title"), fields.text("content")
    if len(title) + len(content) > text_chars:
        fields.reject(Reason.TEXT_TOO_LONG, f"title and content: longer than {text_chars} characters")
    if not deleted and not title.strip() and not content.strip():
        fields.reject(Reason.EMPTY_TEXT, "title and content")
    return title, content
