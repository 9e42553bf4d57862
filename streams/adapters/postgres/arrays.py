"""Columns of a batch as Postgres array literals, for `unnest(%s::text[], …)`.

psycopg dumps a list item by item in Python, through its adaptation of types: a tenth of all that a document costs. These
literals travel as ordinary parameters, so nothing here touches the text of a statement.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime


def texts(values: Iterable[str]) -> str:
    """For text[]; every item is quoted, so none is taken for NULL or for structure."""
    quoted = [value.replace("\\", "\\\\").replace('"', '\\"') for value in values]
    return '{"' + '","'.join(quoted) + '"}' if quoted else "{}"


def plain(values: Iterable[object]) -> str:
    """For int[] and uuid[]: what needs no quotes."""
    return "{" + ",".join(map(str, values)) + "}"


def binaries(values: Iterable[bytes]) -> str:
    """For bytea[], in hexadecimal."""
    digits = [value.hex() for value in values]
    return '{"\\\\x' + '","\\\\x'.join(digits) + '"}' if digits else "{}"


def times(values: Iterable[datetime]) -> str:
    """For timestamptz[] of aware times."""
    written = [value.isoformat() for value in values]
    return '{"' + '","'.join(written) + '"}' if written else "{}"
