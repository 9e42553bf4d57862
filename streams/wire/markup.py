"""HTML and XHTML → the text a reader sees. Every step is linear in its input, whatever is left unclosed.

Character references stay: `streams.domain.text.normalise` resolves them for all formats alike.
"""

from __future__ import annotations

import re
from typing import Final

_LOOKS_LIKE: Final = re.compile(r"</?[a-zA-Z][^<>]*>|<!--")
_SILENT: Final = re.compile(r"<(?:script|style)\b", re.IGNORECASE)
_SILENT_END: Final = re.compile(r"</(?:script|style)\s*>", re.IGNORECASE)
_BREAK: Final = re.compile(
    r"</?(?:address|article|blockquote|br|dd|div|dl|dt|figcaption|figure|footer|h[1-6]|header|hr|li|ol|p|pre|section"
    r"|table|td|th|tr|ul)\b[^<>]*>",
    re.IGNORECASE,
)
_TAG: Final = re.compile(r"<[a-zA-Z/!?][^<>]*>")


def plain_text(text: str) -> str:
    """The text without markup; what holds none comes back as it is (`<` alone is no markup: "margin < 5 %")."""
    if "<" not in text or not _LOOKS_LIKE.search(text):
        return text
    return _TAG.sub("", _BREAK.sub(" ", _without_silent(_without_comments(text))))


def _without_comments(text: str) -> str:
    first, *rest = text.split("<!--")
    return first + "".join(part.partition("-->")[2] for part in rest)


def _without_silent(text: str) -> str:
    first, *rest = _SILENT.split(text)
    return first + "".join(part[end.end() :] for part in rest if (end := _SILENT_END.search(part)))
