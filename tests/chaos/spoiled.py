"""Ways in which a record is spoiled, each with the reason it must be buried for."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


def _dump(payload: object) -> bytes:
    return json.dumps(payload, ensure_ascii=False).encode()


def _with(**changes: object) -> Callable[[dict[str, Any]], bytes]:
    return lambda payload: _dump(payload | changes)


SPOILED: tuple[tuple[str, Callable[[dict[str, Any]], bytes | None]], ...] = (
    ("not_json", lambda payload: _dump(payload)[:-9]),
    ("not_json", lambda _: b"{'single': 'quotes'}"),
    ("not_utf8", lambda payload: _dump(payload | {"content": "错误"}).replace("错误".encode(), b"\xff\xfe")),
    ("not_an_object", lambda payload: _dump([payload])),
    ("unknown_version", _with(version="document.v9")),
    ("missing_field", _with(id=None)),
    ("missing_date", _with(event_time=None)),
    ("unparseable_date", _with(event_time="yesterday")),
    ("date_out_of_range", _with(event_time="0001-01-01T00:00:00Z")),
    ("future_date", _with(event_time="2027-03-04T10:00:00Z")),
    ("wrong_type", _with(content={"text": "nested"})),
    ("invalid_value", _with(revision=-1)),
    ("empty_text", _with(title=" ", content="\t")),
    ("null_byte", _with(content="zero\x00zero")),
    ("empty_record", lambda _: b""),
    ("empty_record", lambda _: None),
)
