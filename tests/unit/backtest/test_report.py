"""The whole study on an invented market: files, figures, and what other tools make of the exports."""

from __future__ import annotations

import csv
import json
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

import numpy as np
import pytest

from streams.backtest.material import Material, training_cutoff
from streams.backtest.price_files import PriceFiles
from streams.backtest.sessions import sessions_between
from streams.backtest.signal import Opening, Spoken
from streams.backtest.study import Plan
from streams.backtest.universe import Universe
from tests.unit.backtest.markets import market, random_returns

if TYPE_CHECKING:
    from pathlib import Path

    from streams.backtest.report import Report

pytest.importorskip("exchange_calendars")
pytest.importorskip("pyarrow")
SESSIONS, SYMBOLS = 260, 12
PLAN = Plan(horizons=(1, 5), quantiles=3, draws=300, cutoff=date(2014, 6, 30))


def spoken(row: int, column: int, tone: float, known_at: datetime) -> Spoken:
    document = UUID(int=row * 100 + column)
    return Spoken(f"us.{column}", document, document, tone, known_at, None)


def material() -> Material:
    """Tone foresees the session after next; alerts foresee a fall."""
    rng = np.random.default_rng(3)
    tone = np.clip(rng.normal(scale=0.4, size=(SESSIONS, SYMBOLS)), -1, 1)
    returns = random_returns(SESSIONS, SYMBOLS)
    returns[1:] += 0.01 * tone[:-1]
    alerts = [(int(row), int(rng.integers(SYMBOLS))) for row in range(140, 250, 5)]
    for row, column in alerts:
        returns[row + 1 : row + 4, column] -= 0.02
    bars = market(returns)
    sessions = sessions_between("XNYS", bars.days)
    kept = np.flatnonzero(np.isin(bars.days, sessions.days))
    at = {int(row): sessions.closes[place].item() for place, row in enumerate(kept)}

    def known(row: int) -> datetime:
        return at[row].replace(tzinfo=UTC) - timedelta(hours=2)

    rows = [
        spoken(row, column, float(tone[row, column]), known(row)) for row in at for column in range(SYMBOLS)
    ]
    openings = [
        Opening(f"a{row}", f"us.{column}", "error", known(row), known(row))
        for row, column in alerts
        if row in at
    ]
    universe = Universe({f"us.{n}": bars.symbols[n] for n in range(SYMBOLS)}, frozenset({"US"}), (), ())
    return Material("june", PriceFiles(bars, 0, 0, 0), universe, rows, openings)


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> tuple[Report, Path]:
    directory = tmp_path_factory.mktemp("backtest")
    report = material().study(PLAN, "", directory)
    report.write(directory)
    return report, directory


def test_planted_drift_and_planted_foresight_are_found(written):
    report, directory = written
    found = json.loads((directory / "report.json").read_text())
    whole = found["segments"]["all"]
    three = [test for test in whole["event_study"] if test["horizon"] == 5]
    assert all(test["car"]["high"] < 0 for test in three)
    assert whole["ranks"][0]["ic"]["t"] > 4
    assert report.coverage["alerts_with_prices"] == whole["events"] > 15


def test_results_before_and_after_the_training_cut_off_stand_apart(written):
    found = written[0].as_dict()["segments"]
    before, after = found["before_cutoff"], found["after_cutoff"]
    assert before["signal_cells"] + after["signal_cells"] == found["all"]["signal_cells"]
    assert (before["events"], after["events"]) == (0, found["all"]["events"])


def test_the_number_of_tests_is_admitted(written):
    report, _ = written
    tests = [test for test in report.results.tests if np.isfinite(test.p_value)]
    assert report.results.warnings[0].startswith(f"{len(tests)} tests: about")
    assert all(test.holm >= test.p_value for test in tests)


def test_the_page_needs_nothing_but_itself(written):
    page = (written[1] / "report.html").read_text()
    assert page.count("data:image/png;base64,") == 4
    assert "http" not in page.replace("data:image", "")
    assert all(warning.split(":")[0] in page for warning in written[0].results.warnings)


def test_a_second_run_gives_the_same_report(written, tmp_path: Path):
    again = material().study(PLAN, "", tmp_path)
    assert json.dumps(again.as_dict()) == json.dumps(written[0].as_dict())


def test_every_exported_signal_was_known_before_its_session_closed_and_is_entered_later(written):
    parquet = pytest.importorskip("pyarrow.parquet")
    rows = parquet.read_table(written[1] / "signals.parquet").to_pylist()
    assert len(rows) == written[0].results.segments[0].signal_cells
    assert all(row["last_known_at"] < row["session_close"] for row in rows)
    assert all(row["session"] < row["entry_session"] for row in rows if row["entry_session"])


def test_qlib_gets_the_session_it_was_known_in_and_the_others_that_of_the_entry(written):
    read = {
        name: list(csv.DictReader((written[1] / name).read_text().splitlines()))
        for name in ("qlib_score.csv", "alphalens_factor.csv", "vectorbt_signal.csv", "zipline_signal.csv")
    }
    known, entered = read["qlib_score.csv"][0], read["alphalens_factor.csv"][0]
    assert known["score"] == entered["factor"]
    assert known["datetime"] < entered["date"]
    assert read["zipline_signal.csv"][0]["date"] == entered["date"]
    wide = {row["date"]: row for row in read["vectorbt_signal.csv"]}
    assert float(wide[entered["date"]][entered["asset"]]) == pytest.approx(float(entered["factor"]))


def test_alphalens_reads_the_factor_and_finds_the_same_information_coefficient(written):
    utils = pytest.importorskip("alphalens.utils", reason="alphalens-reloaded is not installed")
    performance = pytest.importorskip("alphalens.performance")
    pd = pytest.importorskip("pandas")
    factor = pd.read_csv(
        written[1] / "alphalens_factor.csv", parse_dates=["date"], index_col=["date", "asset"]
    )
    prices = pd.read_csv(written[1] / "prices_open.csv", parse_dates=["date"], index_col="date")
    data = utils.get_clean_factor_and_forward_returns(
        factor["factor"], prices, quantiles=3, periods=(1,), max_loss=0.2
    )
    theirs = float(performance.factor_information_coefficient(data).mean().iloc[0])
    ours = written[0].results.segments[0].ranks[0].ic.mean
    assert theirs == pytest.approx(ours, abs=0.05)
    assert theirs > 0.2


def test_the_training_cut_off_is_that_of_the_models_that_scored(tmp_path: Path):
    place = tmp_path / "sentiment" / "1"
    place.mkdir(parents=True)
    place.joinpath("metadata.json").write_text(
        '{"model_version": "sentiment-1", "training_cutoff": "2023-12-31"}'
    )
    assert training_cutoff(tmp_path, ["sentiment-1"]) == date(2023, 12, 31)
    assert training_cutoff(tmp_path, ["sentiment-1", "unknown"]) is None
    assert training_cutoff(tmp_path, []) is None
