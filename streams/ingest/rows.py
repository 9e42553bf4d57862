"""Rows of JSONL and CSV files, plain or gzipped, and of Parquet, one at a time; a row that cannot be read is a value, too."""

from __future__ import annotations

import csv
import gzip
import zlib
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Final, cast

from streams.domain.outcome import Reason, Reject
from streams.errors import Misconfigured
from streams.stages.decode import parse_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from io import BufferedReader
    from pathlib import Path

LONGEST_ROW: Final = 16 * 1024 * 1024
"""Bytes; a file without line breaks must not fill the memory."""

BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
JSONL_SUFFIXES: Final = frozenset({".jsonl", ".ndjson"})
DELIMITERS: Final = {".csv": ",", ".tsv": "\t"}
PARQUET: Final = ".parquet"


@dataclass(frozen=True, slots=True)
class Row:
    """``line`` counts from 1 and is where the row begins; ``fields`` by name, or why there are none."""

    line: int
    fields: dict[str, Any] | Reject


def read_rows(path: Path, on_bytes: Callable[[int], None] = lambda _: None) -> Iterator[Row]:
    """The rows of a file by its suffix; ``on_bytes`` hears how far into the (compressed) file we are.

    Raises:
        Misconfigured: no such file, an unknown suffix, or a damaged archive.
    """
    suffix = format_suffix(path)
    if suffix == PARQUET:
        yield from _parquet(path, on_bytes)
        return
    read = _jsonl if suffix in JSONL_SUFFIXES else _csv
    with _opened(path) as place:
        for row in read(place.lines, suffix):
            on_bytes(place.at(row.line))
            yield row


def read_lines(
    path: Path, on_bytes: Callable[[int], None] = lambda _: None
) -> Iterator[tuple[int, bytes | Reject]]:
    """The numbered lines of any text file, plain or gzipped; raises as `read_rows` does."""
    with _opened(path) as place:
        for line in _lines(place.lines):
            on_bytes(place.at(line[0]))
            yield line


@dataclass(slots=True)
class _Place:
    """An open file: its unpacked lines, and how far we have come."""

    raw: BufferedReader
    lines: BufferedReader
    line: int = 0

    def at(self, line: int) -> int:
        """Notes the line; bytes of the packed file that are read by now."""
        self.line = line
        return self.raw.tell()


@contextmanager
def _opened(path: Path) -> Iterator[_Place]:
    place = None
    try:
        with path.open("rb") as raw:
            zipped = path.suffix.lower() == ".gz"
            place = _Place(raw, cast("BufferedReader", gzip.GzipFile(fileobj=raw)) if zipped else raw)
            yield place
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise Misconfigured(f"{path}: damaged archive after line {place.line if place else 0}") from error
    except OSError as error:
        raise Misconfigured(f"{path}: {error.strerror or 'cannot be read'}") from error


def format_suffix(path: Path) -> str:
    """`.jsonl` of a.jsonl.gz.

    Raises:
        Misconfigured: we do not read such files.
    """
    suffixes = [suffix.lower() for suffix in path.suffixes if suffix.lower() != ".gz"]
    suffix = suffixes[-1] if suffixes else ""
    if suffix not in JSONL_SUFFIXES and suffix not in DELIMITERS and path.suffix.lower() != PARQUET:
        raise Misconfigured(
            f"{path}: expected .jsonl, .ndjson, .csv or .tsv, each also with .gz, or .parquet"
        )
    return suffix


def file_stem(path: Path) -> str:
    """`news` of news.jsonl.gz: the source where a row names none."""
    name = path.name.removesuffix(".gz").removesuffix(".GZ")
    return name.rpartition(".")[0] or name


def _parquet(path: Path, on_bytes: Callable[[int], None]) -> Iterator[Row]:
    """Rows count as lines; times become ISO 8601, those without a zone are rejected later, as everywhere."""
    try:
        import pyarrow as pa  # noqa: PLC0415 - 40 MB that only Parquet needs
        from pyarrow import parquet  # noqa: PLC0415
    except ImportError as error:
        raise Misconfigured(f"{path}: Parquet needs more packages: install sentiwatch[backtest]") from error
    line, size = 0, path.stat().st_size
    try:
        with parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(1_000):
                for fields in batch.to_pylist():
                    line += 1
                    yield Row(line, {name: _plain(value) for name, value in fields.items()})
                on_bytes(size * line // max(file.metadata.num_rows, 1))
    except (OSError, pa.ArrowException) as error:
        raise Misconfigured(f"{path}: damaged Parquet after row {line}") from error


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime | date) else value


def _jsonl(file: BufferedReader, _suffix: str) -> Iterator[Row]:
    for line, text in _lines(file):
        if isinstance(text, Reject):
            yield Row(line, text)
        elif not text.isspace():
            fields = parse_json(text)
            if not isinstance(fields, (dict, Reject)):
                fields = Reject(Reason.NOT_AN_OBJECT, "the row is no JSON object")
            yield Row(line, fields)


def _lines(file: BufferedReader) -> Iterator[tuple[int, bytes | Reject]]:
    """Numbered lines with their ends; of one that is too long only the fact."""
    line = 0
    while text := file.readline(LONGEST_ROW):
        line += 1
        if line == 1:
            text = text.removeprefix(BYTE_ORDER_MARK) or b"\n"
        if len(text) < LONGEST_ROW or text.endswith(b"\n"):
            yield line, text
            continue
        while (rest := file.readline(LONGEST_ROW)) and not rest.endswith(b"\n"):
            pass
        yield line, Reject(Reason.TEXT_TOO_LONG, f"the row is longer than {LONGEST_ROW} bytes")


def _csv(file: BufferedReader, suffix: str) -> Iterator[Row]:
    csv.field_size_limit(LONGEST_ROW)
    texts = (text.decode("utf-8", "surrogateescape") for _, text in _lines(file) if isinstance(text, bytes))
    reader = csv.reader(texts, delimiter=DELIMITERS[suffix])
    header = [name.strip() for name in next(reader, [])]
    line = reader.line_num + 1
    while True:
        try:
            values = next(reader)
        except StopIteration:
            return
        except csv.Error:
            yield Row(line, Reject(Reason.INVALID_VALUE, "not CSV"))
        else:
            if values:
                yield Row(line, _named(header, values))
        line = reader.line_num + 1


def _named(header: list[str], values: list[str]) -> dict[str, Any] | Reject:
    if len(values) > len(header):
        return Reject(Reason.INVALID_VALUE, f"{len(values)} columns under a header of {len(header)}")
    return dict(zip(header, values, strict=False))
