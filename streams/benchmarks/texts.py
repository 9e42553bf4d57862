"""Texts for benchmarks: the demo's sentences, each made unique, so that no score cache has seen it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import orjson

from streams.scenario.generator import generate
from streams.wire.outgoing import Outgoing

if TYPE_CHECKING:
    from collections.abc import Iterator

BEGIN = datetime(2026, 3, 2, tzinfo=UTC)
SEEDS = 1_000


@dataclass(frozen=True, slots=True)
class Post:
    """One text with the identity it is published under."""

    number: int
    text: str

    def record(self, topic: str, nonce: str) -> Outgoing:
        """As a document.v1 record; event times advance by ten seconds a post."""
        event_time = BEGIN + timedelta(seconds=10 * self.number)
        payload = {
            "version": "document.v1",
            "id": f"{nonce}-{self.number}",
            "source": "bench",
            "event_time": event_time.isoformat(),
            "content": self.text,
        }
        stamp = round(event_time.timestamp() * 1000)
        return Outgoing(
            topic, orjson.dumps(payload), key=f"{nonce}-{self.number}".encode(), timestamp_ms=stamp
        )


def posts(nonce: str) -> Iterator[Post]:
    """Without end: scenario texts of growing seeds, each with a number that makes it distinct."""
    number = 0
    for seed in range(SEEDS):
        for record in generate(seed).records:
            text = content_of(record.value)
            if text:
                yield Post(number, f"{text} {nonce}{number}")
                number += 1


def content_of(value: bytes) -> str:
    """Title and content of a payload; empty where there is none (the malformed ones)."""
    try:
        payload = orjson.loads(value)
    except orjson.JSONDecodeError:
        return ""
    if not isinstance(payload, dict):
        return ""
    parts = [payload.get("title"), payload.get("content")]
    text = " ".join(part for part in parts if isinstance(part, str) and "\x00" not in part)
    return text if len(text) < 1_000 else ""
