"""Dead letters as people see them: texts masked, nothing that a terminal obeys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from streams.domain.masking import masked, printable
from streams.wire.headers import TOO_LONG, unpack_headers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streams.domain.dead_letter import Event, Letter


def summary(letter: Letter) -> dict[str, Any]:
    """What is known of a letter without its content."""
    return {
        "place": str(letter.place),
        "reason": letter.reason,
        "detail": letter.detail,
        "status": letter.status,
        "bytes": letter.payload_bytes,
        "ingest_time": letter.ingest_time,
        "first_failure": None if letter.first is None else str(letter.first),
        "copy": None if letter.copy is None else str(letter.copy),
    }


def dossier(letter: Letter, history: Sequence[Event], shown_bytes: int) -> dict[str, Any]:
    """Everything, with the beginning of the record as far as it may be seen."""
    return summary(letter) | {
        "sha256": letter.sha256.hex(),
        "kept": "whole" if letter.is_whole else f"the first {len(letter.payload)} bytes",
        "key": None if letter.key is None else shown(letter.key),
        "headers": _headers(letter),
        "payload": shown(letter.payload[:shown_bytes]),
        "history": [event.as_dict() for event in history],
    }


def _headers(letter: Letter) -> dict[str, str] | str:
    if letter.headers == TOO_LONG:
        return "too many to keep; they are in Kafka"
    return {printable(name): shown_value(name, value) for name, value in unpack_headers(letter.headers)}


def shown_value(name: str, value: bytes) -> str:
    """A header's value; its name may tell that it is a secret."""
    whole = shown(f"{name}=".encode("utf-8", "replace") + value)
    return whole.partition("=")[2]


def shown(value: bytes) -> str:
    """Bytes as text, invalid ones written out, secrets and authors masked."""
    return printable(masked(value.decode("utf-8", "backslashreplace")))
