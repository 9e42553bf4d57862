"""Bytes of a Kafka record → the fields of a `document.v1`, whatever format they came in. No input raises."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import orjson

from streams.domain.outcome import Drop, Keep, Reason, Reject
from streams.wire import document_v1, formats, heartbeat
from streams.wire.limits import InputLimits

if TYPE_CHECKING:
    from streams.domain.document import RawRecord

DEFAULT_LIMITS: Final = InputLimits()


def decode(record: RawRecord, limits: InputLimits = DEFAULT_LIMITS) -> Keep[dict[str, Any]] | Drop | Reject:
    """The payload as a `document.v1` object; a heartbeat is dropped with its event time.

    The format is the one that the headers name, else the one that the bytes look like; see `streams.wire.formats`.
    """
    value = record.value
    if not value:
        return Reject(Reason.EMPTY_RECORD, "tombstone" if value is None else "no bytes")
    if len(value) > limits.record_bytes:
        return Reject(Reason.RECORD_TOO_LARGE, f"more than {limits.record_bytes} bytes")
    stated = formats.claimed(record.headers) if record.headers else None
    format_ = stated or (formats.by_bytes(value) if value[0] != _BRACE else None)
    if format_ is not None and format_.parse is not None:
        return _translated(format_, format_.parse(value))
    payload = parse_json(value)
    if isinstance(payload, Reject):
        return payload
    if not isinstance(payload, dict):
        return Reject(Reason.NOT_AN_OBJECT, f"the record is {_KINDS.get(type(payload), 'a scalar')}")
    return _read_object(payload, format_, record, limits)


_BRACE: Final = ord("{")
_KINDS: Final[dict[type, str]] = {list: "a list", str: "a text", int: "a number", float: "a number"}


def _read_object(
    payload: dict[str, Any], stated: formats.Format | None, record: RawRecord, limits: InputLimits
) -> Keep[dict[str, Any]] | Drop | Reject:
    version = payload.get("version")
    if stated is None or stated is formats.DOCUMENT:
        if version == document_v1.VERSION:
            return Keep(payload)
        if version == heartbeat.VERSION:
            return heartbeat.read_heartbeat(payload, record.timestamp, limits.max_ahead)
    if stated is None and not _is_versioned(version):
        stated = formats.by_fields(payload)
    if stated is None or stated is formats.DOCUMENT:
        return Reject(Reason.UNKNOWN_VERSION, "version: missing" if version is None else "version: not ours")
    return _translated(stated, payload)


def _is_versioned(version: object) -> bool:
    """Another version of ours (`document.v2`): never taken for another format, though it may look like one."""
    return isinstance(version, str) and version.startswith(("document.", "heartbeat."))


def _translated(format_: formats.Format, parsed: dict[str, Any] | Reject) -> Keep[dict[str, Any]] | Reject:
    if isinstance(parsed, Reject):
        return parsed
    fields = format_.translate(parsed)
    return fields if isinstance(fields, Reject) else Keep(fields)


def parse_json(value: bytes) -> Any | Reject:
    """The JSON value, with no NUL in any of its strings, or the reason why it is none. Of equal names the last counts."""
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
