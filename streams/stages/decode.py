"""Bytes of a Kafka record → a JSON object of a version we know. No input raises."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import orjson

from streams.domain.outcome import Drop, Keep, Reason, Reject
from streams.wire import document_v1, heartbeat
from streams.wire.limits import InputLimits

if TYPE_CHECKING:
    from streams.domain.document import RawRecord

DEFAULT_LIMITS: Final = InputLimits()


def decode(record: RawRecord, limits: InputLimits = DEFAULT_LIMITS) -> Keep[dict[str, Any]] | Drop | Reject:
    """The payload as a `document.v1` object; a heartbeat is dropped with its event time."""
    if not record.value:
        return Reject(Reason.EMPTY_RECORD, "tombstone" if record.value is None else "no bytes")
    payload = parse_json(record.value)
    if isinstance(payload, Reject):
        return payload
    if not isinstance(payload, dict):
        return Reject(Reason.NOT_AN_OBJECT, f"the record is {_KINDS.get(type(payload), 'a scalar')}")
    version = payload.get("version")
    if version == document_v1.VERSION:
        return Keep(payload)
    if version == heartbeat.VERSION:
        return heartbeat.read_heartbeat(payload, record.timestamp, limits.max_ahead)
    return Reject(Reason.UNKNOWN_VERSION, "version: missing" if version is None else "version: not ours")


_KINDS: Final[dict[type, str]] = {list: "a list", str: "a text", int: "a number", float: "a number"}


def parse_json(value: bytes) -> Any | Reject:
    """The JSON value, with no NUL in any of its strings, or the reason why it is none."""
    try:
        payload = orjson.loads(value)
    except orjson.JSONDecodeError as error:
        return _why_not_json(value, error.msg)
    if b"\\u0000" in value and holds_null(payload):
        return Reject(Reason.NULL_BYTE, "an escaped NUL in a text")
    return payload


def holds_null(payload: Any) -> bool:
    """Whether a string anywhere in the value, names included, holds U+0000 (which Postgres cannot store)."""
    waiting = [payload]
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            if "\x00" in value:
                return True
        elif isinstance(value, dict):
            waiting.extend(value)
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)
    return False


def _why_not_json(value: bytes, message: str) -> Reject:
    """The cause by the bytes themselves; by the parser's words only where bytes do not tell."""
    try:
        value.decode()
    except UnicodeDecodeError as error:
        return Reject(Reason.NOT_UTF8, f"byte {error.start}")
    if b"\x00" in value:
        return Reject(Reason.NULL_BYTE, f"byte {value.index(0)}")
    if "surrogate" in message:
        return Reject(Reason.INVALID_VALUE, "a lone surrogate in a text")
    if "depth" in message or "recursion" in message.lower():
        return Reject(Reason.NOT_JSON, "nested too deeply")
    return Reject(Reason.NOT_JSON, "the parser refused it")
