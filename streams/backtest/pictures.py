"""The pictures of a backtest, as PNG."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from streams.backtest.event_study import Normal
from streams.showing.page import new_figure, png

if TYPE_CHECKING:
    from streams.backtest.study import Results, Segment

BLUE, RED, GREY = "#1f6feb", "#c0392b", "#7f8c8d"


def pictures(results: Results) -> dict[str, bytes]:
    """By file name."""
    whole = results.segments[0]
    return {
        "event_study.png": _event_study(results, whole),
        "car.png": _car(whole),
        "rank_ic.png": _rank_ic(results, whole),
        "quantiles.png": _quantiles(whole),
    }


def _event_study(results: Results, segment: Segment) -> bytes:
    figure = new_figure(9, 4)
    panel = figure.subplots()
    offsets = list(results.plan.offsets)
    for normal, color in ((Normal.OTHERS, BLUE), (Normal.MARKET_MODEL, RED)):
        path = segment.paths[normal]
        panel.plot(offsets, [100 * point.mean for point in path], color=color, label=normal.replace("_", " "))
        panel.fill_between(
            offsets, [100 * point.low for point in path], [100 * point.high for point in path],
            color=color, alpha=0.15,
        )  # fmt: skip
    panel.axvline(0, color="black", linewidth=1)
    panel.axvline(results.plan.lag, color="black", linewidth=1, linestyle=":", label="earliest entry")
    _dress(panel, "sessions from the one in which the alert was known", "mean cumulated abnormal return, %")
    panel.set_title(f"Around {segment.events} alerts; bands: 95 %, bootstrap over days")
    panel.legend(frameon=False)
    return png(figure)


def _car(segment: Segment) -> bytes:
    figure = new_figure(9, 3.6)
    panel = figure.subplots()
    for shift, (normal, color) in enumerate(((Normal.OTHERS, BLUE), (Normal.MARKET_MODEL, RED))):
        tests = [test for test in segment.cars if test.normal is normal]
        at = np.arange(len(tests)) + (shift - 0.5) * 0.2
        means = np.array([test.car.mean for test in tests])
        bounds = np.array(
            [[mean - test.car.low, test.car.high - mean] for mean, test in zip(means, tests, strict=True)]
        )
        panel.errorbar(
            at, 100 * means, yerr=100 * np.maximum(bounds.T, 0), fmt="o", color=color, capsize=4,
            label=normal.replace("_", " "),
        )  # fmt: skip
        panel.plot(at, [100 * test.placebo_mean for test in tests], "x", color=GREY)
        panel.set_xticks(np.arange(len(tests)), [str(test.horizon) for test in tests])
    _dress(panel, "sessions held from the entry (x: placebo dates)", "mean CAR, %")
    panel.set_title("After the entry")
    panel.legend(frameon=False)
    return png(figure)


def _rank_ic(results: Results, segment: Segment) -> bytes:
    figure = new_figure(9, 6)
    decay, course = figure.subplots(2, 1)
    at = np.arange(len(segment.ranks))
    errors = [abs(rank.ic.mean / rank.ic.t) * 1.96 if rank.ic.t else np.nan for rank in segment.ranks]
    decay.bar(at, [rank.ic.mean for rank in segment.ranks], yerr=errors, color=BLUE, capsize=4)
    decay.set_xticks(at, [str(rank.horizon) for rank in segment.ranks])
    _dress(decay, "horizon, sessions", "mean rank IC")
    decay.set_title("Decay; bars of error: 1.96 Newey-West errors")
    known = np.isfinite(segment.ics)
    course.plot(
        results.days[known].astype("datetime64[s]").tolist(), np.cumsum(segment.ics[known]), color=BLUE
    )
    _dress(course, "session", f"cumulated rank IC, {segment.ranks[0].horizon} session")
    return png(figure)


def _quantiles(segment: Segment) -> bytes:
    figure = new_figure(9, 3.2)
    panel = figure.subplots()
    means = segment.ranks[0].quantile_means
    panel.bar(np.arange(1, len(means) + 1), [10_000 * mean for mean in means], color=BLUE)
    _dress(panel, "quantile of the signal (1 = most negative)", "mean return, basis points")
    panel.set_title(f"Return over {segment.ranks[0].horizon} session by quantile")
    return png(figure)


def _dress(panel: Any, across: str, up: str) -> None:
    panel.set_xlabel(across)
    panel.set_ylabel(up)
    panel.axhline(0, color=GREY, linewidth=0.8)
    panel.grid(axis="y", alpha=0.3)
    panel.spines[["top", "right"]].set_visible(False)
