"""Sorting more records than fit into memory: sorted runs in temporary files, merged on the way out.

Rows of several files, each in any order, come out by (stamp, file, line). What fits into ``memory`` never
touches the disk, and sorting costs next to nothing where files are in order already.
"""

from __future__ import annotations

import heapq
import struct
import tempfile
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, BinaryIO, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MEMORY_BYTES: Final = 64 * 1024 * 1024
RECORD_OVERHEAD: Final = 250
"""Bytes that CPython spends on one record beside its key and value."""

_HEAD: Final = struct.Struct("<qIQII")


class Prepared(NamedTuple):
    """One record, ready to publish; compares by its first three fields, which are unique."""

    stamp_us: int
    file: int
    line: int
    key: bytes
    value: bytes


class Sorter:
    """Add records in any order, then read them once, sorted."""

    def __init__(self, files: ExitStack, memory: int) -> None:
        self._files = files
        self._memory = memory
        self._held: list[Prepared] = []
        self._bytes = 0
        self._runs: list[BinaryIO] = []
        self.count = 0

    @classmethod
    @contextmanager
    def open(cls, memory: int = MEMORY_BYTES) -> Iterator[Sorter]:
        """A sorter whose temporary files are gone at the end, however it ends."""
        with ExitStack() as files:
            yield cls(files, memory)

    def add(self, record: Prepared) -> None:
        self._held.append(record)
        self.count += 1
        self._bytes += len(record.key) + len(record.value) + RECORD_OVERHEAD
        if self._bytes > self._memory:
            self._spill()

    def records(self) -> Iterator[Prepared]:
        """Everything added, in order."""
        self._held.sort()
        return heapq.merge(*(_read_run(run) for run in self._runs), self._held)

    @property
    def runs(self) -> int:
        """How many runs went to disk."""
        return len(self._runs)

    def _spill(self) -> None:
        self._held.sort()
        run = self._files.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 - the stack closes it
        _write_run(run, self._held)
        self._runs.append(run)
        self._held = []
        self._bytes = 0


def _write_run(run: BinaryIO, records: Iterable[Prepared]) -> None:
    for stamp, file, line, key, value in records:
        run.write(_HEAD.pack(stamp, file, line, len(key), len(value)))
        run.write(key)
        run.write(value)
    run.seek(0)


def _read_run(run: BinaryIO) -> Iterator[Prepared]:
    while head := run.read(_HEAD.size):
        stamp, file, line, key, value = _HEAD.unpack(head)
        yield Prepared(stamp, file, line, run.read(key), run.read(value))
