"""The formats beside `document.v1`, as a table: how each is recognised and read.

A record's format is decided in this order, and by nothing else:

1. a `ce_type` header that the table knows;
2. a `content-type` header that the table knows;
3. the shape of the bytes: `<` begins a feed, a GKG record id a GKG row, and JSON is told by its fields.

A header decides even against the shape: the record is then what it claims to be, and rejected where it is not. Types and
content types that the table does not know say nothing (a producer may have its own).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

import orjson

from streams.wire import document_v1, feed, gkg, ninjs, stocktwits, x_v2

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from streams.domain.outcome import Reject


@dataclass(frozen=True, slots=True)
class Format:
    """One row: ``parse`` is None for JSON; ``looks_like`` tells JSON objects apart.

    ``translate`` gives the fields of `document.v1`; what they may hold is checked there, for all formats alike.
    """

    name: str
    content_types: frozenset[str]
    schema_file: str
    translate: Callable[[dict[str, Any]], dict[str, Any] | Reject]
    parse: Callable[[bytes], dict[str, Any] | Reject] | None = None
    looks_like: Callable[[dict[str, Any]], bool] | None = None

    @property
    def event_type(self) -> str:
        """Its CloudEvents type."""
        return f"sentiwatch.{self.name}"


DOCUMENT: Final = Format(
    name=document_v1.VERSION,
    content_types=frozenset({"application/vnd.sentiwatch.document.v1+json"}),
    schema_file="document_v1.schema.json",
    translate=lambda payload: payload,
)
FEED: Final = Format(
    name="feed",
    content_types=frozenset({"application/rss+xml", "application/atom+xml", "application/xml", "text/xml"}),
    schema_file="feed.schema.json",
    translate=feed.translate,
    parse=feed.parse,
)
GKG: Final = Format(
    name="gkg",
    content_types=frozenset({"text/tab-separated-values"}),
    schema_file="gkg.schema.json",
    translate=gkg.translate,
    parse=gkg.parse,
)
X: Final = Format(
    name="x.v2",
    content_types=frozenset({"application/vnd.sentiwatch.x.v2+json"}),
    schema_file="x_v2.schema.json",
    translate=x_v2.translate,
    looks_like=x_v2.looks_like,
)
STOCKTWITS: Final = Format(
    name="stocktwits",
    content_types=frozenset({"application/vnd.sentiwatch.stocktwits+json"}),
    schema_file="stocktwits.schema.json",
    translate=stocktwits.translate,
    looks_like=stocktwits.looks_like,
)
NINJS: Final = Format(
    name="ninjs",
    content_types=frozenset({"application/vnd.sentiwatch.ninjs+json"}),
    schema_file="ninjs.schema.json",
    translate=ninjs.translate,
    looks_like=ninjs.looks_like,
)

FORMATS: Final = (DOCUMENT, X, STOCKTWITS, NINJS, FEED, GKG)
BY_NAME: Final = {each.name: each for each in FORMATS}
_BY_EVENT_TYPE: Final = {each.event_type.encode(): each for each in FORMATS}
_BY_CONTENT_TYPE: Final = {kind.encode(): each for each in FORMATS for kind in each.content_types}
_TOLD_BY_FIELDS: Final = tuple(each for each in FORMATS if each.looks_like is not None)


def claimed(headers: Iterable[tuple[str, bytes]]) -> Format | None:
    """The format that a record's headers name; of several headers of a name the first counts."""
    named = dict(reversed([pair for pair in headers if pair[0] in {"ce_type", "content-type"}]))
    by_type = _BY_EVENT_TYPE.get(named.get("ce_type", b""))
    return by_type or _BY_CONTENT_TYPE.get(named.get("content-type", b"").partition(b";")[0].strip().lower())


def by_bytes(value: bytes) -> Format | None:
    """The format of bytes that are no JSON object."""
    start = value.lstrip(b" \t\r\n\xef\xbb\xbf")[:1]
    if start == b"<":
        return FEED
    return GKG if start.isdigit() and gkg.looks_like(value) else None


def by_fields(payload: dict[str, Any]) -> Format | None:
    """The format of a JSON object that has no version of ours."""
    return next((each for each in _TOLD_BY_FIELDS if each.looks_like and each.looks_like(payload)), None)


@cache
def schema(name: str) -> dict[str, Any]:
    """The published JSON Schema of a format, draft 2020-12: of its JSON, or of what is read from its XML or row."""
    text = files("streams.wire").joinpath(BY_NAME[name].schema_file).read_bytes()
    loaded: dict[str, Any] = orjson.loads(text)
    return loaded
