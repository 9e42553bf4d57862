"""A ninjs item (IPTC, News in JSON) of version 1, 2 or 3.

Version 1 and 2 write names in small letters, 3 in camel case; 1 keeps texts in `headline` and `body_…`, 2 and 3 in lists
of texts with a role and a content type. An item that is `canceled` or `withheld` is a withdrawal; `embargoed` is a release.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from streams.domain.outcome import Reason
from streams.wire.authority import authority, web_address
from streams.wire.document_v1 import LARGEST_REVISION, TICKERS
from streams.wire.fields import FieldReader
from streams.wire.markup import plain_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streams.domain.outcome import Reject

USABLE: Final = "usable"
WITHDRAWN: Final = frozenset({"canceled", "withheld"})
PLAIN: Final = "text/plain"


def looks_like(payload: dict[str, Any]) -> bool:
    """The one field that every version requires."""
    return "uri" in payload


def translate(payload: dict[str, Any]) -> dict[str, Any] | Reject:
    """Fields of `document.v1`."""
    item = FieldReader(payload)
    uri = item.text("uri")
    created = _first(item, "versioncreated", "versionCreated")
    status = _text(item, "pubstatus", "pubStatus") or USABLE
    if status != USABLE and status not in WITHDRAWN:
        item.reject(Reason.INVALID_VALUE, "pubstatus: not usable, withheld or canceled")
    first = _first(item, "firstcreated", "firstCreated")
    found = {
        "id": uri or None,
        "source": authority(uri),
        "event_time": first if first is not None else created,
        "source_time": created,
        "embargo_until": item.raw("embargoed"),
        "revision": _revision(item, final=status == "canceled"),
        "deleted": status in WITHDRAWN,
        "title": _headline(item),
        "content": _body(item) or _written(item, "description", "descriptions"),
        "language": item.text("language") or None,
        "author": _text(item, "byline", "by"),
        "publisher": _publisher(item),
        "tickers": _tickers(item),
        "url": web_address(uri),
    }
    return item.problem or found


def _first(item: FieldReader, *names: str) -> Any:
    return next((item.raw(name) for name in names if item.has(name)), None)


def _text(item: FieldReader, *names: str) -> str:
    return next((text for name in names if (text := item.text(name))), "")


def _revision(item: FieldReader, *, final: bool) -> int:
    """`version` where it counts; other forms (dates, letters) leave the order to `versioncreated`.

    A cancellation is final: without a number of its own it outranks every version.
    """
    version = item.identifier("version")
    if version is None:
        return LARGEST_REVISION if final else 0
    counts = version.isascii() and version.isdecimal() and len(version) <= len(str(LARGEST_REVISION))
    return int(version) if counts and int(version) <= LARGEST_REVISION else 0


def _headline(item: FieldReader) -> str:
    return plain_text(item.text("headline") or _written(item, "headline", "headlines"))


def _body(item: FieldReader) -> str:
    return _written(item, "body", "bodies")


def _written(item: FieldReader, single: str, several: str) -> str:
    """The best of the texts: version 1's `single_…` fields or the list of versions 2 and 3, plain before marked up."""
    listed = item.objects(several)
    if listed:
        best = min(range(len(listed)), key=lambda place: (_rank(listed[place]), place))
        text = listed[best].text("value")
        return text if _content_type(listed[best]) == PLAIN else plain_text(text)
    names = sorted(item.names(f"{single}_"), key=lambda name: (name not in _FAVOURITES, name))
    return plain_text(_text(item, *names))


_FAVOURITES: Final = frozenset({"body_text", "headline_main", "description_text"})


def _content_type(text: FieldReader) -> str:
    return _text(text, "contenttype", "contentType").partition(";")[0].strip().lower()


def _rank(text: FieldReader) -> tuple[bool, bool]:
    return _content_type(text) not in {PLAIN, ""}, text.text("role") not in {"main", ""}


def _publisher(item: FieldReader) -> str:
    sources: Sequence[FieldReader] = [
        *item.objects("infosource"),
        *item.objects("infosources"),
        *item.objects("infoSources"),
    ]
    named = next((name for source in sources if (name := source.text("name"))), "")
    return named or _text(item, "copyrightholder", "copyrightHolder")


def _tickers(item: FieldReader) -> list[str]:
    organisations = [*item.objects("organisation"), *item.objects("organisations")]
    symbols = (symbol for organisation in organisations for symbol in organisation.objects("symbols"))
    return [text for symbol in symbols if (text := _text(symbol, "ticker", "symbol"))][:TICKERS]
