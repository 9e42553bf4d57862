"""History from files when Kafka no longer holds it: the records that `ingest file` would publish, as one partition.

Rows of all files are merged by their stamps and numbered; the numbers are the offsets. So the same files give the same
run, and a killed replay of them goes on. Watermarks are those of one partition: not those of a topic with several.
"""

from __future__ import annotations

import itertools
from contextlib import contextmanager
from hashlib import file_digest
from pathlib import Path
from typing import TYPE_CHECKING

from streams.adapters.kafka.admin import OffsetSpan
from streams.domain.document import RawRecord, SourcePartition
from streams.ingest.mapping import parse_mapping
from streams.ingest.ordering import Sorter
from streams.ingest.preparing import BadRows, Preparation, prepare_files
from streams.wire.times import from_milliseconds
from streams.wire.topics import input_topic

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from streams.ingest.ordering import Prepared
    from streams.replay.request import Request
    from streams.wire.limits import InputLimits

FETCH = 2_000


class FileHistory:
    """Prepared rows of one topic; see `streams.replay.session.Reader`."""

    def __init__(self, sorter: Sorter, source: SourcePartition, bad: BadRows) -> None:
        self._records: Iterator[tuple[int, Prepared]] = enumerate(sorter.records())
        self._count = sorter.count
        self._source = source
        self._left = 0
        self.bad = bad

    @classmethod
    @contextmanager
    def open(cls, request: Request, limits: InputLimits, warm: datetime | None) -> Iterator[FileHistory]:
        """Read and sort the files of a request; rows stamped outside [warm, until) are left out.

        Raises:
            Misconfigured: a file cannot be read, or the mapping fits no document.
        """
        topic = input_topic(request.topics[0])
        assert topic.source_class is not None
        preparation = Preparation(
            parse_mapping(request.mapping or None, request.source), topic.source_class, limits
        )
        with Sorter.open() as all_rows, Sorter.open() as chosen:
            bad = prepare_files([Path(name) for name in request.files], preparation, all_rows)
            for row in all_rows.records():
                stamp = from_milliseconds(row.stamp_us // 1000)
                if (warm is None or stamp >= warm) and (request.until is None or stamp < request.until):
                    chosen.add(row)
            yield cls(chosen, SourcePartition(topic.name, 0), bad)

    def spans(self) -> dict[SourcePartition, OffsetSpan]:
        """All of it."""
        return {self._source: OffsetSpan(0, self._count)}

    def start(self, spans: Mapping[SourcePartition, OffsetSpan]) -> None:
        """Leave out what was stored before."""
        span = spans.get(self._source, OffsetSpan(0, 0))
        self._records = itertools.islice(self._records, span.beginning, span.end)
        self._left = span.end - span.beginning

    async def fetch(self) -> list[RawRecord]:
        """The next rows, stamped as Kafka would keep them."""
        found = [
            RawRecord(
                source=self._source,
                offset=offset,
                timestamp=from_milliseconds(row.stamp_us // 1000),
                key=row.key,
                value=row.value,
            )
            for offset, row in itertools.islice(self._records, FETCH)
        ]
        self._left = self._left - len(found) if found else 0
        return found

    async def at_end(self) -> bool:
        """Whether every row was fetched."""
        return self._left == 0


def digest(path: Path) -> str:
    """SHA-256 of a file: a replay goes on with the same ones only."""
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()
