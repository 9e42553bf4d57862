"""The bias and robustness report as Markdown and as a picture."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

GROUPS = {"swaps": "Names swapped", "perturbations": "Written otherwise"}


def write(report: Mapping[str, Any], folder: Path) -> list[Path]:
    """robustness.json, robustness.md and robustness.png in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    names = {name: folder / f"robustness.{name}" for name in ("json", "md", "png")}
    names["json"].write_text(json.dumps(report, ensure_ascii=False, indent=1) + "\n", "utf-8")
    names["md"].write_text(as_markdown(report), "utf-8")
    _draw(report, names["png"])
    return [*names.values()]


def as_markdown(report: Mapping[str, Any]) -> str:
    """Tables of flip rates, then what flipped."""
    lines = [
        "# Bias and robustness",
        "",
        (
            f"`{report['model_version']}` on {report['sentences']} sentences of our own, normalised as every "
            "document's text is, through Triton. A flip is "
            "another class than the sentence gets in its first filling, as written. Aim for swapped names: at most "
            f"{report['aim']:.0%}."
        ),
    ]
    for group, title in GROUPS.items():
        lines += [
            "",
            f"## {title}",
            "",
            "| kind | variants | flips | flip rate | 95 % interval |",
            "| --- | --- | --- | --- | --- |",
        ]
        lines += [
            f"| {kind} | {row['n']} | {row['flips']} | {row['flip_rate']:.1%} "
            f"| {row['interval'][0]:.1%}–{row['interval'][1]:.1%} |"
            for kind, row in report[group].items()
        ]
        lines += ["", "Failures:" if report[f"{group}_failures"] else "No failure.", ""]
        lines += [
            f"- {row['kind']}: “{row['text']}” is read as {row['said']}, “{row['but']}” as {row['was']}"
            for row in report[f"{group}_failures"]
        ]
    return "\n".join(lines).rstrip() + "\n"


def _draw(report: Mapping[str, Any], path: Path) -> None:
    from matplotlib.figure import Figure

    rows = [(f"{GROUPS[group]}: {kind}", row) for group in GROUPS for kind, row in report[group].items()]
    figure = Figure(figsize=(8, 0.4 * len(rows) + 1), layout="constrained")
    axes = figure.subplots()
    rates = [100 * row["flip_rate"] for _, row in rows]
    lows = [max(0.0, 100 * (row["flip_rate"] - row["interval"][0])) for _, row in rows]
    highs = [max(0.0, 100 * (row["interval"][1] - row["flip_rate"])) for _, row in rows]
    axes.barh([name for name, _ in rows], rates, xerr=[lows, highs], color="#4878a8", capsize=2)
    axes.axvline(100 * report["aim"], color="#b04040", linestyle="--", linewidth=1)
    axes.invert_yaxis()
    axes.set_xlabel("flip rate, % (95 % interval; dashed: aim for swapped names)")
    axes.set_title(str(report["model_version"]))
    figure.savefig(path, dpi=110)
