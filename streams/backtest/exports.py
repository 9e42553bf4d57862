"""The signal as files that other tools read; each says on which day it may be used, and at which price.

signals.parquet      every cell with session, known_at and entry session: the record
alphalens_factor.csv date, asset, factor: the date is the entry session; pair it with prices_open.csv
prices_open.csv      date × asset, adjusted opens: what alphalens calls prices
vectorbt_signal.csv  date × asset, by entry session: `Portfolio.from_signals(opens, signal > x)`
zipline_signal.csv   date, symbol, signal by entry session: for `fetch_csv` or a Pipeline data set
qlib_score.csv       datetime, instrument, score by the session it was known in: Qlib itself trades a bar later
"""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, Any

import numpy as np

from streams.errors import Misconfigured

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from streams.backtest.bars import Bars
    from streams.backtest.sessions import Sessions
    from streams.backtest.signal import DailySignal


def export(directory: Path, bars: Bars, sessions: Sessions, signal: DailySignal, lag: int) -> list[Path]:
    """Write all of them; returns their places.

    Raises:
        Misconfigured: the packages for backtests are missing.
    """
    directory.mkdir(parents=True, exist_ok=True)
    cells = list(_cells(bars, sessions, signal, lag))
    traded = [cell for cell in cells if cell["entry_session"] is not None]
    entered = [(cell["entry_session"], cell["symbol"], cell["signal"]) for cell in traded]
    known = [(cell["session"], cell["symbol"], cell["signal"]) for cell in cells]
    shifted = np.full(signal.tone.shape, np.nan)
    shifted[lag:] = signal.tone[:-lag]
    return [
        _parquet(directory / "signals.parquet", cells),
        _long(directory / "alphalens_factor.csv", ("date", "asset", "factor"), entered),
        _wide(directory / "prices_open.csv", bars, bars.opens),
        _wide(directory / "vectorbt_signal.csv", bars, shifted),
        _long(directory / "zipline_signal.csv", ("date", "symbol", "signal"), entered),
        _long(directory / "qlib_score.csv", ("datetime", "instrument", "score"), known),
    ]


def _cells(bars: Bars, sessions: Sessions, signal: DailySignal, lag: int) -> Iterator[dict[str, Any]]:
    for row, column in np.argwhere(np.isfinite(signal.tone)).tolist():
        entry = row + lag
        yield {
            "session": bars.days[row].item(),
            "symbol": bars.symbols[column],
            "signal": round(float(signal.tone[row, column]), 6),
            "stories": int(signal.stories[row, column]),
            "last_known_at": signal.last_known[row, column].item(),
            "session_close": sessions.closes[row].item(),
            "entry_session": bars.days[entry].item() if entry < len(bars.days) else None,
        }


def _parquet(path: Path, cells: Sequence[dict[str, Any]]) -> Path:
    try:
        import pyarrow as pa  # noqa: PLC0415 - 40 MB that only a backtest needs
        from pyarrow import parquet  # noqa: PLC0415
    except ImportError as error:
        raise Misconfigured("writing Parquet needs more packages: install sentiwatch[backtest]") from error
    moment = pa.timestamp("us", tz="UTC")
    schema = pa.schema(
        [
            ("session", pa.date32()), ("symbol", pa.string()), ("signal", pa.float64()), ("stories", pa.int64()),
            ("last_known_at", moment), ("session_close", moment), ("entry_session", pa.date32()),
        ]
    )  # fmt: skip
    parquet.write_table(pa.Table.from_pylist(list(cells), schema=schema), path)
    return path


def _long(path: Path, header: Sequence[str], rows: Iterable[tuple[Any, ...]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)
    return path


def _wide(path: Path, bars: Bars, values: Any) -> Path:
    rows = (
        (day, *("" if np.isnan(value) else f"{value:.6f}" for value in line))
        for day, line in zip(bars.days.tolist(), values.tolist(), strict=True)
    )
    return _long(path, ("date", *bars.symbols), rows)
