from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from streams.backtest.price_files import read_prices
from streams.errors import Misconfigured

if TYPE_CHECKING:
    from pathlib import Path

ADJUSTED = (
    "Date,Open,High,Low,Close,Adj Close,Volume\n2014-01-06,10,12,9,11,5.5,100\n2014-01-07,11,12,9,12,6,100\n"
)
LONG = "symbol,date,open,high,low,close,volume\nA,2014-01-06,1,1,1,2,9\nB,2014-01-07,3,3,3,4,9\n"


def test_a_file_a_symbol_is_adjusted_for_splits_and_dividends(tmp_path: Path):
    (tmp_path / "AAPL.csv").write_text(ADJUSTED)
    bars = read_prices(tmp_path).bars
    assert bars.symbols == ("AAPL",)
    assert bars.opens[:, 0].tolist() == [5.0, 5.5]
    assert bars.closes[:, 0].tolist() == [5.5, 6.0]


def test_a_long_file_is_cut_by_symbol_and_missing_bars_stay_missing(tmp_path: Path):
    (tmp_path / "all.csv").write_text(LONG)
    bars = read_prices(tmp_path).bars
    assert bars.symbols == ("A", "B")
    assert np.isnan(bars.opens[1, 0])
    assert bars.closes[1, 1] == 4


def test_parquet_reads_as_csv_does(tmp_path: Path):
    pa = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    (tmp_path / "csv").mkdir()
    (tmp_path / "csv" / "all.csv").write_text(LONG)
    table = pa.table(
        {
            "symbol": ["A", "B"],
            "date": pa.array(np.array(["2014-01-06", "2014-01-07"], dtype="datetime64[us]")),
            "open": [1.0, 3.0],
            "close": [2.0, 4.0],
        }
    )
    parquet.write_table(table, tmp_path / "all.parquet")
    ours, theirs = read_prices(tmp_path / "csv").bars, read_prices(tmp_path / "all.parquet").bars
    assert np.array_equal(ours.opens, theirs.opens, equal_nan=True)
    assert np.array_equal(ours.days, theirs.days)


def test_unusable_rows_are_counted_and_left_out(tmp_path: Path):
    rows = "x,1,1\n2014-01-06,0,1\n2014-01-06,1,nan\n2014-01-06,1,1\n2014-01-06,2,2\n2014-01-07,2,2\n"
    (tmp_path / "A.csv").write_text("date,open,close\n" + rows)
    read = read_prices(tmp_path)
    assert (read.rejected, read.repeated, read.jumps) == (3, 1, 1)
    assert read.bars.closes[:, 0].tolist() == [1.0, 2.0]


@pytest.mark.parametrize(("name", "content"), [("A.csv", "date,price\n2014-01-06,1\n"), ("A.txt", "")])
def test_a_place_without_usable_files_is_one_clear_line(tmp_path: Path, name: str, content: str):
    (tmp_path / name).write_text(content)
    with pytest.raises(Misconfigured, match=r"no column close, open|no \.csv or \.parquet"):
        read_prices(tmp_path)
