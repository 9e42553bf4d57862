"""What input may be at most, in one value that the stages pass around instead of the settings."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from streams.wire.topics import MAX_MESSAGE_BYTES

if TYPE_CHECKING:
    from streams.settings import Settings


@dataclass(frozen=True, slots=True)
class InputLimits:
    """``text_chars`` of title and content together; dates at most ``max_ahead`` past the Kafka timestamp.

    ``record_bytes`` is what brokers let through uncompressed; a compressed batch may hold more, and is not parsed.
    """

    text_chars: int = 100_000
    max_ahead: timedelta = timedelta(minutes=5)
    record_bytes: int = MAX_MESSAGE_BYTES
    horizon: timedelta = timedelta(0)
    """Documents further behind their partition's watermark are too old; 0 = none is."""

    @classmethod
    def of(cls, settings: Settings) -> InputLimits:
        return cls(
            text_chars=settings.limits.text_chars,
            max_ahead=settings.time.max_ahead,
            horizon=settings.time.horizon,
        )
