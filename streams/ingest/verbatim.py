"""Files of records in one of the formats of `streams.wire.formats`, published as they are.

JSON and GKG rows come one a line; a feed is an XML document, of which each entry becomes a record.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from xml.etree.ElementTree import ParseError, tostring

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from streams.domain.document import RawRecord, SourcePartition
from streams.domain.outcome import Drop, Reason, Reject
from streams.errors import Misconfigured
from streams.ingest.preparing import stamp_of
from streams.ingest.rows import read_lines
from streams.stages.decode import decode
from streams.stages.read_record import read_record
from streams.wire import formats
from streams.wire.times import EPOCH, from_milliseconds, milliseconds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from streams.domain.document import SourceClass
    from streams.ingest.preparing import Made
    from streams.wire.limits import InputLimits

_NOWHERE: Final = SourcePartition("", 0)


@dataclass(frozen=True, slots=True)
class Verbatim:
    """Checks a record as the worker will, and stamps it with its own time."""

    format: formats.Format
    source_class: SourceClass
    limits: InputLimits

    def made(self, path: Path, on_bytes: Callable[[int], None]) -> Iterator[tuple[int, Made | Reject]]:
        """Each record of a file with its line."""
        for number, value in read_records(path, self.format, on_bytes):
            yield number, value if isinstance(value, Reject) else self.record(value)

    def record(self, value: bytes) -> Made | Reject:
        """Stamp, key and value."""
        fields = decode(RawRecord(_NOWHERE, 0, EPOCH, None, value), self.limits)
        if isinstance(fields, Reject):
            return fields
        stamp = (
            Reject(Reason.INVALID_VALUE, "no document")
            if isinstance(fields, Drop)
            else stamp_of(fields.value)
        )
        if isinstance(stamp, Reject):
            return stamp
        timestamp = from_milliseconds(milliseconds(stamp))
        outcome = read_record(RawRecord(_NOWHERE, 0, timestamp, None, value), self.source_class, self.limits)
        if isinstance(outcome, Drop):
            return Reject(Reason.INVALID_VALUE, "no document")
        return outcome if isinstance(outcome, Reject) else (stamp, outcome.value.source_id.encode(), value)


def read_records(
    path: Path, format_: formats.Format, on_bytes: Callable[[int], None] = lambda _: None
) -> Iterator[tuple[int, bytes | Reject]]:
    """The records of a file with the number of their line, or of their entry in a feed.

    Raises:
        Misconfigured: no such file, a damaged archive, or a feed that is no XML.
    """
    lines = read_lines(path, on_bytes)
    if format_ is not formats.FEED:
        yield from ((number, text if isinstance(text, Reject) else text.rstrip(b"\r\n")) for number, text in lines
                    if isinstance(text, Reject) or not text.isspace())  # fmt: skip
        return
    whole = b"".join(text for _, text in lines if isinstance(text, bytes))
    try:
        root = fromstring(whole, forbid_dtd=True)
    except (DefusedXmlException, ParseError, ValueError, LookupError) as error:
        raise Misconfigured(f"{path}: not XML that is read ({type(error).__name__})") from error
    entries = [
        each for each in root.iter() if each.tag.rpartition("}")[2] in {"item", "entry", "deleted-entry"}
    ]
    yield from ((number, tostring(entry, encoding="utf-8")) for number, entry in enumerate(entries, start=1))
