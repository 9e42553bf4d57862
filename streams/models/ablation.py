"""What a change of recipe was worth: finished checkpoints side by side on one development split.

Every figure has a 95 % interval from resampling the texts; differences are paired, on the same texts, which is
sharper than comparing two intervals.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from streams.models import checkpoints as finished
from streams.models import encoding, export, metrics, network, recipes, training

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from streams.models.datasets import Example

RESAMPLES: Final = 400
_SEED: Final = 20_260_630
_HIDDEN: Final = ("language", "name", "note", "seed", "task")


def write(checkpoints: Sequence[Path], data: Path, out: Path) -> str:
    """Write `out` (Markdown) and the same as JSON beside it; returns the Markdown.

    Raises:
        Misconfigured: a checkpoint is unfinished, or of another task than the first.
    """
    network.require_torch()
    task = json.loads((checkpoints[0] / "recipe.json").read_text("utf-8"))["task"]
    records = [export.read_recipe(folder, task) for folder in checkpoints]
    language = records[0]["language"]
    _, dev = training.sides(recipes.of_record(records[0]), data)
    truth = np.array([e.label for e in dev])
    decisions = [_decisions(c, r, dev) for c, r in zip(checkpoints, records, strict=True)]
    rows = [
        {
            "run": folder.name,
            "changed": changed(records[0], record),
            "note": record.get("note", ""),
            "texts": record["texts"],
            "seconds": record["seconds"],
            **compared(truth, decided, decisions[0], len(record["labels"])),
        }
        for folder, record, decided in zip(checkpoints, records, decisions, strict=True)
    ]
    text = _markdown(f"{task} {language}".strip(), rows, len(dev))
    out.write_text(text, "utf-8")
    out.with_suffix(".json").write_text(json.dumps({"n": len(dev), "runs": rows}, indent=1) + "\n", "utf-8")
    return text


def changed(base: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """The recipe fields (and the backbone) in which a run differs from the base."""
    names = [name for name in recipes.FIELDS if name not in _HIDDEN] + ["base_model"]
    return {name: other.get(name) for name in names if other.get(name) != base.get(name)}


def compared(
    truth: NDArray[np.int64], decided: NDArray[np.int64], base: NDArray[np.int64], classes: int
) -> dict[str, Any]:
    """Accuracy and macro-F1 with intervals, and the paired difference in macro-F1 to the base."""
    generator = np.random.default_rng(_SEED)
    samples = generator.integers(0, len(truth), (RESAMPLES, len(truth)))
    own = np.array([_macro_f1(truth[s], decided[s], classes) for s in samples])
    paired = own - np.array([_macro_f1(truth[s], base[s], classes) for s in samples])
    right = (truth == decided)[samples].mean(axis=1)
    return {
        "accuracy": round(float((truth == decided).mean()), 4),
        "accuracy_95": _interval(right),
        "macro_f1": round(_macro_f1(truth, decided, classes), 4),
        "macro_f1_95": _interval(own),
        "difference": round(_macro_f1(truth, decided, classes) - _macro_f1(truth, base, classes), 4),
        "difference_95": _interval(paired),
    }


def _decisions(folder: Path, record: dict[str, Any], dev: Sequence[Example]) -> NDArray[np.int64]:
    tokenizer = encoding.tokenizer(folder, record["max_tokens"])
    ids = encoding.token_ids(tokenizer, [(e.text, e.target) for e in dev], record["target"])
    return np.asarray(encoding.predict(finished.load_network(folder, record), ids).argmax(axis=1))


def _macro_f1(truth: NDArray[np.int64], decided: NDArray[np.int64], classes: int) -> float:
    certain = np.eye(classes)[decided]
    return metrics.report(truth, certain, [str(n) for n in range(classes)]).macro_f1


def _interval(values: NDArray[np.float64]) -> list[float]:
    return [round(float(v), 4) for v in np.percentile(values, (2.5, 97.5))]


def _markdown(title: str, rows: Sequence[dict[str, Any]], n: int) -> str:
    lines = [
        f"# What each change was worth: {title}",
        "",
        f"Development split, {n} texts, fp32 weights before export; 95 % intervals from {RESAMPLES} resamples, the",
        "difference to the first row paired. One run each: differences of half a point are within the noise of seeds.",
        "",
        "| run | changed | texts seen | minutes | accuracy | macro-F1 | difference |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in rows:
        change = ", ".join(f"{name} = {value}" for name, value in row["changed"].items())
        change = change or (row["note"] if row is not rows[0] else "base")
        figures = (
            f"{row[name]:{sign}.3f} [{row[f'{name}_95'][0]:{sign}.3f}, {row[f'{name}_95'][1]:{sign}.3f}]"
            for name, sign in (("accuracy", ""), ("macro_f1", ""), ("difference", "+"))
        )
        minutes = row["seconds"] / 60
        lines.append(f"| {row['run']} | {change} | {row['texts']} | {minutes:.0f} | {' | '.join(figures)} |")
    return "\n".join(lines) + "\n"
