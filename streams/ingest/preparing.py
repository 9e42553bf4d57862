"""Files → sorted records: each row checked as the worker would check it, and stamped with its own time."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, Protocol

import orjson

from streams.domain.outcome import Reason, Reject
from streams.ingest.ordering import Prepared
from streams.ingest.rows import file_stem, read_rows
from streams.wire.document_v1 import read_document
from streams.wire.times import EPOCH, from_milliseconds, milliseconds, parse_time

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime
    from pathlib import Path

    from streams.domain.document import SourceClass
    from streams.ingest.mapping import FieldMapping
    from streams.ingest.ordering import Sorter
    from streams.wire.limits import InputLimits

    Made = tuple[datetime, bytes, bytes]

LISTED: Final = 10
_MICROSECOND: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that was left out, and why."""

    path: Path
    line: int
    why: Reject


@dataclass(slots=True)
class BadRows:
    """How many there were, and the first few."""

    count: int = 0
    first: list[BadRow] = field(default_factory=list)

    def add(self, row: BadRow) -> None:
        self.count += 1
        if len(self.first) < LISTED:
            self.first.append(row)


class Prepares(Protocol):
    """Makes records of files."""

    def made(self, path: Path, on_bytes: Callable[[int], None]) -> Iterator[tuple[int, Made | Reject]]:
        """Stamp, key and value of each row, or why it has none, with its line."""


@dataclass(frozen=True, slots=True)
class Preparation:
    """What turns a row into a record."""

    mapping: FieldMapping
    source_class: SourceClass
    limits: InputLimits

    def made(self, path: Path, on_bytes: Callable[[int], None]) -> Iterator[tuple[int, Made | Reject]]:
        """Each row of a file with its line."""
        stem = file_stem(path)
        for row in read_rows(path, on_bytes):
            yield row.line, row.fields if isinstance(row.fields, Reject) else self.record(row.fields, stem)

    def record(self, row: dict[str, Any], stem: str) -> Made | Reject:
        """Stamp, key and value. The stamp is the event time, or a later source time: known only then."""
        payload = self.mapping.payload(row, stem)
        stamp = stamp_of(payload)
        if isinstance(stamp, Reject):
            return stamp
        # What Kafka keeps of it: whole milliseconds, against which the worker will judge the dates.
        timestamp = from_milliseconds(milliseconds(stamp))
        checked = read_document(payload, timestamp, self.source_class, self.limits)
        if isinstance(checked, Reject):
            return checked
        value = _encoded(payload)
        return value if isinstance(value, Reject) else (stamp, checked.value.source_id.encode(), value)


def stamp_of(payload: dict[str, Any]) -> datetime | Reject:
    """The Kafka timestamp of recorded history: its event time, or a later source time."""
    event_time = parse_time(payload.get("event_time"), "event_time")
    if isinstance(event_time, Reject) or payload.get("source_time") is None:
        return event_time
    source_time = parse_time(payload["source_time"], "source_time")
    return source_time if isinstance(source_time, Reject) else max(event_time, source_time)


def _encoded(payload: dict[str, Any]) -> bytes | Reject:
    try:
        # A copy of just its size: orjson's own object keeps the roomy buffer it wrote into, 4 KB a row.
        value = bytes(memoryview(orjson.dumps(payload)))
    except TypeError:  # bytes of a CSV that were no text
        return Reject(Reason.NOT_UTF8, "the row is not UTF-8")
    if b"\\u0000" in value:
        return Reject(Reason.NULL_BYTE, "a NUL in a field")
    return value


def prepare_files(
    paths: Sequence[Path],
    preparation: Prepares,
    sorter: Sorter,
    on_bytes: Callable[[int, int], None] = lambda _file, _bytes: None,
) -> BadRows:
    """Puts the good rows of all files into ``sorter`` and returns the bad ones.

    ``on_bytes`` hears the index of the file and how many of its bytes are read.

    Raises:
        Misconfigured: a file that cannot be read at all.
    """
    bad = BadRows()
    for index, path in enumerate(paths):
        for line, made in preparation.made(path, lambda read, file=index: on_bytes(file, read)):  # type: ignore[misc]
            if isinstance(made, Reject):
                bad.add(BadRow(path, line, made))
                continue
            stamp, key, value = made
            sorter.add(Prepared((stamp - EPOCH) // _MICROSECOND, index, line, key, value))
    return bad
