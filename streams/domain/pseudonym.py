"""Author handles as keyed hashes: who wrote a document can be counted and erased, but not read.

Keys rotate by **event time**: each key of the ring is used for documents from its ``since`` on, whenever they are processed.
So a document has the same pseudonym in every run, before and after the rotation, and no fingerprint changes by it. What a
rotation does change: an author who writes before and after it counts as two independent sources in the trailing windows
that span it (24 hours at most).
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from datetime import UTC, datetime

BEGINNING = datetime.min.replace(tzinfo=UTC)
ANY_SOURCE = ""
"""Stands for the source of a handle that is meant wherever it appears."""
CHECK_BYTES = 8


@dataclass(frozen=True, slots=True)
class AuthorKey:
    """One key: its version is stored beside each pseudonym; it is used for event times from ``since`` on."""

    version: int
    secret: bytes
    since: datetime = BEGINNING

    def __repr__(self) -> str:
        return f"AuthorKey(version={self.version}, since={self.since.isoformat()})"

    def pseudonym(self, source: str, handle: str) -> bytes:
        """HMAC-SHA-256 of the handle within its source."""
        return hmac.new(self.secret, f"{source}\x1f{plain(handle)}".encode(), hashlib.sha256).digest()

    @property
    def check(self) -> bytes:
        """Tells whether two keys are the same one, and nothing else of them."""
        return hmac.new(self.secret, b"\x00check", hashlib.sha256).digest()[:CHECK_BYTES]


@dataclass(frozen=True, slots=True)
class KeyRing:
    """All keys whose documents may still be read, in the order of their ``since``; at least one."""

    keys: tuple[AuthorKey, ...]

    @classmethod
    def of(cls, keys: list[AuthorKey]) -> KeyRing:
        """The ring of these keys.

        Raises:
            ValueError: there is none, or two share a version or a beginning.
        """
        ordered = tuple(sorted(keys, key=lambda key: (key.since, key.version)))
        if not ordered:
            raise ValueError("no key")
        if len({key.version for key in ordered}) < len(ordered) or len({key.since for key in ordered}) < len(
            ordered
        ):
            raise ValueError("two keys share a version or a beginning")
        return cls(ordered)

    def at(self, event_time: datetime) -> AuthorKey:
        """The key for documents of this event time: the newest that had begun by then, else the oldest."""
        return next((key for key in reversed(self.keys) if key.since <= event_time), self.keys[0])

    def every(self, source: str, handle: str) -> dict[bytes, int]:
        """The pseudonyms of a handle under all keys, with their versions."""
        return {key.pseudonym(source, handle): key.version for key in self.keys}


def plain(handle: str) -> str:
    """`@Bob` and `bob` are one author."""
    return handle.strip().lstrip("@").casefold()


def repost_origin(text: str) -> str:
    """The handle after `RT @`; empty if the text is no repost."""
    head = text[:64].split(maxsplit=2)
    is_repost = len(head) > 1 and head[0] == "RT" and head[1].startswith("@")
    return head[1].strip("@:").casefold() if is_repost else ""
