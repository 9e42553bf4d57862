"""The three tools that read texts, as simple as their contracts allow."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from streams.domain.entity import EntityMention, MatchMethod

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

SIGNATURE_BYTES = 256


@dataclass(frozen=True, slots=True)
class MemoryMatcher:
    """Finds names as they are written: ``names`` maps each name to its entity id."""

    names: Mapping[str, str] = field(default_factory=dict)
    version: str = "memory"

    def find(self, title: str, body: str, hints: Sequence[str], at: datetime) -> tuple[EntityMention, ...]:  # noqa: ARG002 - names are valid for ever
        text = f"{title}\n{body}" if title else body
        found = [
            EntityMention(
                entity, name, text.find(name), text.count(name), name in title, 100, MatchMethod.NAME
            )
            for name, entity in self.names.items()
            if name in text
        ]
        hinted = [
            EntityMention(entity, name, len(text), 1, in_title=False, relevance=50, method=MatchMethod.HINT)
            for name, entity in self.names.items()
            if name in hints and name not in text
        ]
        return tuple(sorted(found + hinted, key=lambda mention: (mention.first_offset, mention.entity_id)))


class MemorySigner:
    """Equal texts have equal signatures; similar ones have nothing in common."""

    def sign(self, title: str, body: str) -> bytes:
        digest = hashlib.shake_256(f"{title}\n{body}".encode())
        return digest.digest(SIGNATURE_BYTES) if title or body else b""

    def sign_all(self, texts: Sequence[tuple[str, str]]) -> list[bytes]:
        return [self.sign(title, body) for title, body in texts]


class MemoryLanguages:
    """Han characters are Chinese, other letters English."""

    def detect(self, text: str, hint: str) -> str:  # noqa: ARG002 - believes only what it sees
        if any("\u4e00" <= character <= "\u9fff" for character in text):
            return "zh"
        return "en" if any(character.isalpha() for character in text) else "other"
