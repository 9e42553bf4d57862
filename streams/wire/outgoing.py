"""A record on its way to Kafka."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One record to publish.

    ``timestamp_ms`` None leaves the stamp to the producer's clock, ``partition`` None the place to the key.
    """

    topic: str
    value: bytes | None
    key: bytes | None = None
    timestamp_ms: int | None = None
    headers: tuple[tuple[str, bytes], ...] = ()
    partition: int | None = None
