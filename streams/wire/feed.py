"""An RSS item (2.0, or 1.0 with its own namespace) or an Atom entry, alone or in a document that holds no other.

Nothing outside the record is ever read: a document type, an entity or an external reference makes it unsafe, and it is
buried unread. An Atom tombstone (RFC 6721 `deleted-entry`) is a withdrawal.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final
from xml.etree.ElementTree import ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from streams.domain.outcome import Reason, Reject
from streams.wire.authority import authority, web_address
from streams.wire.markup import plain_text
from streams.wire.rfc822 import as_rfc3339

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from xml.etree.ElementTree import Element

MOST_TAGS: Final = 20_000
"""`<` in a record; one entry has some dozens, with markup in it some hundreds. Parsing so many takes about 0.2 s."""
DEEPEST: Final = 100

_NAMESPACE: Final = re.compile(r"^\{([^}]*)\}")
_KNOWN: Final = {
    "http://www.w3.org/2005/Atom": "",
    "http://purl.org/rss/1.0/": "",
    "http://purl.org/rss/1.0/modules/content/": "content:",
    "http://purl.org/dc/elements/1.1/": "dc:",
    "http://purl.org/dc/terms/": "dcterms:",
    "http://purl.org/atompub/tombstones/1.0": "",
}
_ENTRIES: Final = frozenset({"item", "entry", "deleted-entry"})


def parse(value: bytes) -> dict[str, Any] | Reject:
    """What an entry says, by the names that `translate` reads."""
    if value.count(b"<") > MOST_TAGS:
        return Reject(Reason.INVALID_VALUE, f"more than {MOST_TAGS} tags")
    try:
        root = fromstring(value, forbid_dtd=True)
    except DefusedXmlException:
        return Reject(Reason.UNSAFE_XML, "a document type, an entity or an external reference")
    except ParseError:
        return _why_not_xml(value)
    except (ValueError, LookupError):
        return Reject(Reason.NOT_XML, "an encoding that is not read")
    return _only_entry(root)


def translate(entry: Mapping[str, Any]) -> dict[str, Any] | Reject:
    """Fields of `document.v1`."""
    identity = entry.get("id") or entry.get("link")
    updated = _time(entry.get("updated"))
    return {
        "id": identity,
        "source": authority(identity) or authority(entry.get("link")),
        "event_time": _time(entry.get("published")) or updated,
        "source_time": updated,
        "deleted": entry.get("deleted", False),
        "title": plain_text(entry.get("title", "")),
        "content": plain_text(entry.get("content") or entry.get("summary", "")),
        "language": entry.get("language"),
        "author": entry.get("author"),
        "publisher": entry.get("publisher"),
        "url": web_address(entry.get("link")),
    }


def _time(text: str | None) -> str | None:
    return as_rfc3339(text) if text else None


def _why_not_xml(value: bytes) -> Reject:
    try:
        value.decode()
    except UnicodeDecodeError as error:
        return Reject(Reason.NOT_UTF8, f"byte {error.start}")
    return Reject(Reason.NOT_XML, "the parser refused it")


def _only_entry(root: Element) -> dict[str, Any] | Reject:
    found = []
    for depth, element in _walk(root):
        if depth > DEEPEST:
            return Reject(Reason.NOT_XML, "nested too deeply")
        if _name(element) in _ENTRIES:
            found.append(element)
    if not found:
        return Reject(Reason.UNKNOWN_VERSION, "XML without an RSS item or an Atom entry")
    if len(found) > 1:
        return Reject(Reason.INVALID_VALUE, "several entries: a record carries one")
    return _read(found[0], _feed_language(root))


def _walk(root: Element) -> Iterator[tuple[int, Element]]:
    """All elements with their depth, in document order; no recursion, whatever the nesting."""
    waiting = [(0, root)]
    while waiting:
        depth, element = waiting.pop()
        yield depth, element
        waiting.extend((depth + 1, child) for child in reversed(element))


def _name(element: Element) -> str:
    """`dc:creator` whatever prefix the record uses; names of unknown namespaces keep them."""
    tag = element.tag
    space = _NAMESPACE.match(tag)
    if space is None:
        return tag
    return _KNOWN.get(space[1], f"{space[1]} ") + tag[space.end() :]


def _feed_language(root: Element) -> str | None:
    channel = root.find("channel")
    language = None if channel is None else channel.findtext("language")
    return language or root.get("{http://www.w3.org/XML/1998/namespace}lang")


def _read(entry: Element, language: str | None) -> dict[str, Any]:
    if _name(entry) == "deleted-entry":
        return {"id": entry.get("ref"), "published": entry.get("when"), "deleted": True}
    found: dict[str, Any] = {"language": language} if language else {}
    for child in entry:
        field = _FIELDS.get(_name(child))
        if field and (text := _text_of(field, child)):
            found.setdefault(field, text)
    return found


_FIELDS: Final = {
    "id": "id",
    "guid": "id",
    "link": "link",
    "title": "title",
    "pubDate": "published",
    "published": "published",
    "dc:date": "published",
    "updated": "updated",
    "dcterms:modified": "updated",
    "description": "summary",
    "summary": "summary",
    "content:encoded": "content",
    "content": "content",
    "author": "author",
    "dc:creator": "author",
    "source": "publisher",
    "dc:publisher": "publisher",
    "dc:language": "language",
}


def _text_of(field: str, element: Element) -> str:
    """The words of an element. Atom's links are attributes (the alternate one counts), its people and feeds have parts."""
    if field == "link" and element.get("href"):
        return element.get("href", "") if element.get("rel", "alternate") == "alternate" else ""
    if field in {"author", "publisher"}:
        part = next((child for child in element if _name(child) in {"name", "title"}), element)
        return (part.text or "").strip()
    return "".join(_words(element)).strip()


def _words(element: Element) -> Iterator[str]:
    """All text within, with a space after each nested element (XHTML paragraphs)."""
    waiting: list[Element | str] = [element]
    while waiting:
        part = waiting.pop()
        if isinstance(part, str):
            yield part
            continue
        yield part.text or ""
        for child in reversed(part):
            waiting.append(" " + (child.tail or ""))
            waiting.append(child)
