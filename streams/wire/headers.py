"""Kafka headers as they are kept with a dead letter, and those that a replayed record carries.

A header's name is text, its value bytes of any kind; Postgres takes neither NUL nor surrogates in text, so they are kept as
ASCII bytes.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streams.domain.document import RawRecord

LONGEST: Final = 16_384
TOO_LONG: Final = b""
REPLAY: Final = "sentiwatch-replay"
REPLAY_OF: Final = "sentiwatch-replay-of"
FIRST_FAILURE: Final = "sentiwatch-first-failure"
OURS: Final = frozenset({REPLAY, REPLAY_OF, FIRST_FAILURE})


def pack_headers(record: RawRecord) -> bytes | None:
    """None without headers; `TOO_LONG` where they would be longer than 16 KiB."""
    if not record.headers:
        return None
    packed = json.dumps([[name, b64encode(value).decode()] for name, value in record.headers]).encode()
    return packed if len(packed) <= LONGEST else TOO_LONG


def unpack_headers(packed: bytes | None) -> tuple[tuple[str, bytes], ...]:
    """What `pack_headers` was given; nothing of what was too long."""
    if not packed:
        return ()
    return tuple((name, b64decode(value)) for name, value in json.loads(packed))


def copy_headers(
    original: Sequence[tuple[str, bytes]], replay_id: str, of: str, first: str
) -> tuple[tuple[str, bytes], ...]:
    """Those of the record itself, then which copy it is, of what, and where it failed first."""
    own = tuple(pair for pair in original if pair[0] not in OURS)
    return (*own, (FIRST_FAILURE, first.encode()), (REPLAY_OF, of.encode()), (REPLAY, replay_id.encode()))
