"""Who names things in a URI: the source of documents whose format has no field for it."""

from __future__ import annotations

import re
from typing import Final

_WEB: Final = re.compile(r"https?://(?:[^/?#@\s]*@)?(?:www\.)?([^/?#:\s]+)", re.IGNORECASE)
_TAG: Final = re.compile(r"tag:(?:[^@,\s]*@)?([^,:\s]+),", re.IGNORECASE)
_NEWSML: Final = re.compile(r"urn:newsml:(?:www\.)?([^:\s]+):", re.IGNORECASE)


def authority(uri: object) -> str | None:
    """`example.com` of https://www.example.com/a, tag:example.com,2026:a and urn:newsml:example.com:2026:a; else None."""
    if not isinstance(uri, str):
        return None
    found = _WEB.match(uri) or _TAG.match(uri) or _NEWSML.match(uri)
    return found[1].lower() if found else None


def web_address(uri: object) -> str | None:
    """The URI where it is an address of the web."""
    return uri if isinstance(uri, str) and _WEB.match(uri) else None
