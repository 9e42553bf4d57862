"""An evaluation as tables for people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

FIGURES = ("accuracy", "macro_f1", "weighted_f1", "ece")


def tables(figures: Mapping[str, Any]) -> Iterator[Table]:
    """Intervals and baselines, classes, confusion, slices."""
    rows = [("this model", figures), *figures.get("baselines", {}).items()]
    yield _table("measured (95 % interval)", FIGURES, ((name, _with_intervals(row)) for name, row in rows))
    classes = ("precision", "recall", "f1", "support")
    yield _table(
        "class", classes, ((n, [row[c] for c in classes]) for n, row in figures["per_class"].items())
    )
    labels = [*figures["confusion"]]
    if len(labels) <= 5:  # twenty columns fit no terminal: they are in the JSON
        matrix = figures["confusion"].items()
        yield _table("true \\ predicted", labels, ((n, [row[c] for c in labels]) for n, row in matrix))
    sliced = ("n", "accuracy", "macro_f1", "ece")
    yield _table("slice", sliced, ((n, [row[c] for c in sliced]) for n, row in figures["slices"].items()))


def _with_intervals(row: Mapping[str, Any]) -> list[str]:
    if "skipped" in row:
        return [f"skipped: {row['skipped']}"]
    return [
        f"{row[name]:.3f} ({row['intervals'][name][0]:.3f}–{row['intervals'][name][1]:.3f})"
        for name in FIGURES
    ]


def _table(title: str, columns: Iterable[str], rows: Iterable[tuple[str, Iterable[Any]]]) -> Table:
    table = Table(title, *columns)
    for name, values in rows:
        table.add_row(name, *(str(value) for value in values))
    return table
