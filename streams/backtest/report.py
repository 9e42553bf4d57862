"""A backtest as JSON, as an HTML page with its pictures, and as lines for a terminal."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from math import isfinite
from typing import TYPE_CHECKING, Any

from streams.backtest.pictures import pictures
from streams.showing.page import Page

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from streams.backtest.study import Results, Segment


@dataclass(frozen=True, slots=True)
class Report:
    """Results with what they rest on."""

    run: str
    coverage: Mapping[str, Any]
    """Counts: symbols, sessions, alerts with and without prices, rejected rows."""
    results: Results

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON values; what could not be computed is null."""
        results = self.results
        return {
            "run": self.run,
            "coverage": dict(self.coverage),
            "plan": _plain(asdict(results.plan)),
            "warnings": list(results.warnings),
            "segments": {segment.name: _segment(segment) for segment in results.segments},
            "tests": [_plain(asdict(test)) for test in results.tests],
        }

    def write(self, directory: Path) -> list[Path]:
        """`report.json`, `report.html` and the pictures; returns their places."""
        directory.mkdir(parents=True, exist_ok=True)
        drawn = pictures(self.results)
        for name, png in drawn.items():
            (directory / name).write_bytes(png)
        document = directory / "report.json"
        document.write_text(json.dumps(self.as_dict(), indent=1), encoding="utf-8")
        page = self._page(drawn).write(directory / "report.html")
        return [page, document, *(directory / name for name in drawn)]

    def _page(self, drawn: Mapping[str, bytes]) -> Page:
        page = Page(f"Backtest of run {self.run}")
        for warning in self.results.warnings:
            page.paragraph(warning, warning=True)
        page.table(
            ("what it rests on", ""), [(key.replace("_", " "), value) for key, value in self.coverage.items()]
        )
        page.heading("Around alerts")
        page.picture(drawn["event_study.png"], "mean cumulated abnormal return around alerts")
        page.picture(
            drawn["car.png"], "cumulative abnormal return after the entry, with intervals and placebos"
        )
        for segment in self.results.segments:
            page.paragraph(f"{segment.name.replace('_', ' ')}: {segment.events} alerts")
            page.table(CAR_HEADER, car_rows(segment))
        page.heading("Daily sentiment")
        page.picture(drawn["rank_ic.png"], "rank information coefficient by horizon and over time")
        page.picture(drawn["quantiles.png"], "return by quantile of the signal")
        for segment in self.results.segments:
            page.paragraph(
                f"{segment.name.replace('_', ' ')}: {segment.signal_cells} signals in {segment.signal_sessions} "
                f"sessions, turnover of the extreme quantiles {number(segment.turnover)} a session"
            )
            page.table(RANK_HEADER, rank_rows(segment))
        page.heading("All tests, corrected for their number")
        page.table(
            ("segment", "measure", "horizon", "estimate", "p", "Holm", "Benjamini-Hochberg"),
            [
                (t.segment, t.measure, t.horizon, number(t.estimate), number(t.p_value), number(t.holm),
                 number(t.benjamini_hochberg))
                for t in self.results.tests
            ],
        )  # fmt: skip
        return page

    def lines(self) -> list[str]:
        """For a terminal."""
        whole = self.results.segments[0]
        lines = [f"{key.replace('_', ' '):24} {value}" for key, value in self.coverage.items()]
        lines += ["", _line(CAR_HEADER), *(_line(row) for row in car_rows(whole))]
        lines += ["", _line(RANK_HEADER), *(_line(row) for row in rank_rows(whole))]
        return lines + [""] + [f"! {warning}" for warning in self.results.warnings]


CAR_HEADER = ("against", "sessions", "mean CAR", "low", "high", "p", "placebo p", "alerts", "days")
RANK_HEADER = ("sessions", "rank IC", "t", "p", "days", "spread", "t", "p", "days")


def car_rows(segment: Segment) -> list[tuple[Any, ...]]:
    """Event study by model and horizon."""
    return [
        (
            test.normal.replace("_", " "), test.horizon, percent(test.car.mean), percent(test.car.low), percent(test.car.high),
            number(test.car.p_value), number(test.placebo_p_value), test.car.events, test.car.days,
        )
        for test in segment.cars
    ]  # fmt: skip


def rank_rows(segment: Segment) -> list[tuple[Any, ...]]:
    """Rank IC and spread by horizon."""
    return [
        (
            rank.horizon, number(rank.ic.mean), number(rank.ic.t), number(rank.ic.p_value), rank.ic.observations,
            percent(rank.spread.mean), number(rank.spread.t), number(rank.spread.p_value), rank.spread.observations,
        )
        for rank in segment.ranks
    ]  # fmt: skip


def number(value: float) -> str:
    """Three significant digits; a dash where there is none."""
    return f"{value:.3g}" if isfinite(value) else "–"


def percent(value: float) -> str:
    """In percent, two decimals."""
    return f"{100 * value:.2f} %" if isfinite(value) else "–"


def _line(row: tuple[Any, ...]) -> str:
    return "  ".join(f"{cell!s:>14}" if place else f"{cell!s:16}" for place, cell in enumerate(row))


def _segment(segment: Segment) -> dict[str, Any]:
    plain: dict[str, Any] = _plain(
        {
            "events": segment.events,
            "signal_sessions": segment.signal_sessions,
            "signal_cells": segment.signal_cells,
            "turnover": segment.turnover,
            "event_study": [asdict(test) for test in segment.cars],
            "paths": {
                normal.value: [asdict(point) for point in path] for normal, path in segment.paths.items()
            },
            "ranks": [asdict(rank) for rank in segment.ranks],
        }
    )
    return plain


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return value if isfinite(value) else None
    return value if value is None or isinstance(value, bool | int | str) else str(value)
