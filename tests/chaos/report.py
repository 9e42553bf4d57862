"""The summary of many rounds: a table, JSON, and a picture."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from statistics import median
from typing import TYPE_CHECKING, Any

from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from tests.chaos.rounds import Outcome


TICKS = (0, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200)


@dataclass(frozen=True, slots=True)
class Row:
    """All rounds of one fault."""

    fault: str
    rounds: int
    times: int
    lost: int
    doubled: int
    same: int
    recovery: tuple[float, ...]
    failed: int

    @property
    def typical(self) -> float | None:
        return round(median(self.recovery), 1) if self.recovery else None

    @property
    def longest(self) -> float | None:
        return round(max(self.recovery), 1) if self.recovery else None


def rows(outcomes: Iterable[Outcome]) -> list[Row]:
    """One row a fault, by name."""
    grouped: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        grouped.setdefault(outcome.fault, []).append(outcome)
    return [
        Row(
            fault,
            len(found),
            sum(outcome.hits for outcome in found),
            sum(outcome.lost for outcome in found),
            sum(outcome.doubled for outcome in found),
            sum(outcome.same for outcome in found),
            tuple(seconds for outcome in found for seconds in outcome.recovery),
            sum(bool(outcome.problems) for outcome in found),
        )
        for fault, found in sorted(grouped.items())
    ]


def table(outcomes: Sequence[Outcome]) -> Table:
    made = Table(title=None)
    for name in (
        "fault",
        "rounds",
        "times",
        "lost",
        "doubled",
        "fingerprint equal",
        "median s",
        "max s",
        "wrong",
    ):
        made.add_column(name, justify="left" if name == "fault" else "right")
    for row in rows(outcomes):
        made.add_row(
            row.fault, str(row.rounds), str(row.times), str(row.lost), str(row.doubled), f"{row.same}/{row.rounds}",
            _shown(row.typical), _shown(row.longest), str(row.failed),
        )  # fmt: skip
    return made


def _shown(seconds: float | None) -> str:
    return "–" if seconds is None else f"{seconds:.1f}"


def as_json(outcomes: Sequence[Outcome], **about: Any) -> str:
    summary = [
        {name: value for name, value in asdict(row).items() if name != "recovery"}
        | {"recovery_median": row.typical, "recovery_max": row.longest}
        for row in rows(outcomes)
    ]
    return json.dumps(
        about | {"faults": summary, "rounds": [asdict(outcome) for outcome in outcomes]}, indent=1
    )


def last_line(outcomes: Sequence[Outcome], minutes: float) -> str:
    """The summary in one line."""
    found = rows(outcomes)
    wrong = sum(row.failed for row in found)
    return (
        f"{len(outcomes)} rounds, {sum(row.times for row in found)} faults, {sum(row.lost for row in found)} lost,"
        f" {sum(row.doubled for row in found)} doubled, {sum(row.same for row in found)} fingerprints equal,"
        f" {wrong} wrong, {minutes:.1f} min: {'FAILED' if wrong or not outcomes else 'ok'}"
    )


def draw(outcomes: Sequence[Outcome], picture: Path) -> None:
    """Recovery seconds of every injection, by fault; rounds that went wrong are marked."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.ticker
    from matplotlib import pyplot as plt

    found = rows(outcomes)
    figure, axes = plt.subplots(figsize=(9, 0.34 * len(found) + 1.6), layout="constrained")
    for height, row in enumerate(found):
        dots = {"color": "tab:blue", "alpha": 0.45, "markersize": 5, "clip_on": False}
        axes.plot(row.recovery, [height] * len(row.recovery), "o", **dots)
        if row.typical is not None:
            axes.plot(row.typical, height, "|", color="black", markersize=14, markeredgewidth=2)
    axes.set_yticks(
        range(len(found)),
        [f"{row.fault}  ×{row.times}{'  WRONG ' + str(row.failed) if row.failed else ''}" for row in found],
    )
    axes.set_ylim(len(found) - 0.4, -0.6)
    axes.set_xlabel("seconds from the end of the fault to the next stored record (bar: median)")
    longest = max((row.longest or 0 for row in found), default=0)
    axes.set_xscale("symlog", linthresh=1)
    axes.set_xlim(0, max(10, 1.2 * longest))
    axes.set_xticks([tick for tick in TICKS if tick <= max(10, longest)], minor=False)
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_locator(mpl.ticker.NullLocator())
    axes.grid(axis="x", alpha=0.3)
    lost, doubled = sum(row.lost for row in found), sum(row.doubled for row in found)
    axes.set_title(f"{len(outcomes)} rounds: {lost} lost, {doubled} doubled", loc="left")
    figure.savefig(picture, dpi=120)
    plt.close(figure)
