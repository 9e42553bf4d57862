"""Daily bars from CSV or Parquet: one file a symbol, or files with a symbol column; OHLCV under the usual names."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from datetime import date, datetime
from math import isfinite
from typing import TYPE_CHECKING, Any

import numpy as np

from streams.backtest.bars import Bars
from streams.errors import Misconfigured

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

NAMES = {
    "symbol": ("symbol", "ticker", "asset", "instrument", "code"),
    "date": ("date", "datetime", "day", "session"),
    "open": ("open",),
    "close": ("close",),
    "adjusted": ("adj close", "adj_close", "adjusted_close", "adjclose"),
}
SUFFIXES = (".csv", ".parquet")
JUMP = 0.4
"""An overnight move beyond this is rather an unadjusted split than a return; it is counted and told."""


@dataclass(frozen=True, slots=True)
class PriceFiles:
    """What was read, and what was wrong with it."""

    bars: Bars
    rejected: int
    """Rows without a date or with an open or close that is no positive number."""
    repeated: int
    """Rows of a symbol and day that had one already; the first counts."""
    jumps: int
    """Daily moves of more than 40 %."""


def read_prices(place: Path) -> PriceFiles:
    """All bars under a file or directory; adjusted opens and closes where an adjusted close is given.

    Raises:
        Misconfigured: no price file there, or one without the needed columns.
    """
    files = (
        [place] if place.is_file() else sorted(path for path in place.glob("*") if path.suffix in SUFFIXES)
    )
    if not files:
        raise Misconfigured(f"{place}: no .csv or .parquet file there")
    prices: dict[str, dict[date, tuple[float, float]]] = {}
    rejected = repeated = 0
    for path in files:
        for symbol, row in rows_of(path):
            read = _read(row)
            if read is None:
                rejected += 1
            elif read[0] in prices.setdefault(symbol, {}):
                repeated += 1
            else:
                prices[symbol][read[0]] = read[1:]
    bars = _panel(prices)
    moves = np.abs(bars.closes[1:] / bars.closes[:-1] - 1)
    return PriceFiles(bars, rejected, repeated, int(np.nansum(moves > JUMP)))


def rows_of(path: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Symbol and fields of each row; a file without a symbol column is named after its symbol."""
    if path.suffix == ".parquet":
        yield from _named(path, _parquet_rows(path))
        return
    with path.open(encoding="utf-8-sig", newline="") as file:
        yield from _named(path, csv.DictReader(file))


def _parquet_rows(path: Path) -> Iterable[Mapping[str, Any]]:
    try:
        from pyarrow import parquet  # noqa: PLC0415 - 40 MB that only Parquet needs
    except ImportError as error:
        raise Misconfigured("reading Parquet needs more packages: install sentiwatch[backtest]") from error
    for batch in parquet.ParquetFile(path).iter_batches():
        yield from batch.to_pylist()


def _named(path: Path, rows: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    found: dict[str, str] | None = None
    for row in rows:
        if found is None:
            found = columns_of(path, row)
        fields = {ours: row[theirs] for ours, theirs in found.items()}
        yield str(fields["symbol"]) if "symbol" in fields else path.stem, fields


def columns_of(path: Path, row: Mapping[str, Any]) -> dict[str, str]:
    """Our name → the file's, whatever its capitals.

    Raises:
        Misconfigured: date, open or close is missing.
    """
    theirs = {str(name).strip().lower(): str(name) for name in row}
    found = {ours: theirs[name] for ours, names in NAMES.items() for name in names[::-1] if name in theirs}
    missing = sorted({"date", "open", "close"} - found.keys())
    if missing:
        raise Misconfigured(f"{path.name}: no column {', '.join(missing)}")
    return found


def _read(fields: Mapping[str, Any]) -> tuple[date, float, float] | None:
    day, opened, closed = _day(fields["date"]), _price(fields["open"]), _price(fields["close"])
    if day is None or opened is None or closed is None:
        return None
    adjusted = _price(fields.get("adjusted"))
    factor = adjusted / closed if adjusted is not None else 1.0
    return day, opened * factor, closed * factor


def _day(value: Any) -> date | None:
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    try:
        return date.fromisoformat(str(value)[:10])
    except ValueError:
        return None


def _price(value: Any) -> float | None:
    try:
        price = float(value)
    except (TypeError, ValueError):
        return None
    return price if isfinite(price) and price > 0 else None


def _panel(prices: Mapping[str, Mapping[date, tuple[float, float]]]) -> Bars:
    symbols = tuple(sorted(symbol for symbol, rows in prices.items() if rows))
    days = sorted({day for rows in prices.values() for day in rows})
    position = {day: number for number, day in enumerate(days)}
    opens, closes = (np.full((len(days), len(symbols)), np.nan) for _ in range(2))
    for column, symbol in enumerate(symbols):
        for day, (opened, closed) in prices[symbol].items():
            opens[position[day], column], closes[position[day], column] = opened, closed
    return Bars(np.array(days, dtype="datetime64[D]"), symbols, opens, closes)
