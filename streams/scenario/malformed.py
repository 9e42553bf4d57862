"""Records that must become dead letters: one or more of each way a feed goes wrong."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from streams.scenario.shapes import KAFKA_TOPIC, Record
from streams.scenario.tides import SPAN_SECONDS, START

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from streams.scenario.shapes import Channel

OVERLONG = 1_100_000  # characters; brokers need max.message.bytes above it, or the producer refuses


@dataclass(frozen=True, slots=True)
class Malformed:
    reason: str
    second: int
    record: Record


def malformed(rng: Random) -> list[Malformed]:
    """Every kind once, at random moments of the week, on random topics; ids start with "bad-"."""
    return [_record(rng, i, reason, spoil) for i, (reason, spoil) in enumerate(_KINDS)]


def _record(rng: Random, number: int, reason: str, spoil: Callable[[dict[str, Any]], bytes]) -> Malformed:
    second = rng.randrange(3600, SPAN_SECONDS - 7200)
    channel: Channel = rng.choice(("news", "social"))
    at = START + timedelta(seconds=second)
    payload: dict[str, Any] = {
        "version": "document.v1",
        "id": f"bad-{number:02d}",
        "source": "careless-feed",
        "event_time": at.isoformat().replace("+00:00", "Z"),
        "content": f"Feed test message {rng.randint(1000, 9999)}.",
    }
    stamp = int(at.timestamp() * 1000) + rng.randint(1000, 9000)
    record = Record(KAFKA_TOPIC[channel], payload["id"].encode(), spoil(payload), stamp)
    return Malformed(reason, second, record)


def _dump(payload: object) -> bytes:
    return json.dumps(payload, ensure_ascii=False).encode()


def _with(**changes: object) -> Callable[[dict[str, Any]], bytes]:
    return lambda payload: _dump(payload | changes)


def _without(field: str) -> Callable[[dict[str, Any]], bytes]:
    return lambda payload: _dump({name: value for name, value in payload.items() if name != field})


def _in_gb18030(payload: dict[str, Any]) -> bytes:
    return json.dumps(payload | {"content": "编码错误的测试消息"}, ensure_ascii=False).encode("gb18030")


_KINDS: tuple[tuple[str, Callable[[dict[str, Any]], bytes]], ...] = (
    ("not_json", lambda _: b"503 Service Unavailable: down for maintenance"),
    ("not_json", lambda payload: _dump(payload)[:-20]),
    ("not_utf8", _in_gb18030),
    ("not_utf8", lambda _: b'{"version": "document.v1", "content": "\xff\xfe\x80"}'),
    ("missing_event_time", _without("event_time")),
    ("missing_event_time", _with(event_time=None)),
    ("absurd_date", _with(event_time="3026-03-04T10:00:00Z")),
    ("absurd_date", _with(event_time="0001-01-01T00:00:00Z")),
    ("absurd_date", _with(event_time="tomorrow")),
    ("empty_text", _with(content="")),
    ("empty_text", _with(content="  \n\t ", title="")),
    ("null_byte", _with(content="Feed test\u0000message")),
    ("unknown_version", _with(version="document.v9")),
    ("unknown_version", _without("version")),
    ("wrong_type", _with(content={"text": "Feed test message"})),
    ("wrong_type", _with(id=["bad", 1])),
    ("wrong_type", lambda payload: _dump([payload])),
    ("too_long", _with(content="Feed test message. " * (OVERLONG // 19 + 1))),
)
