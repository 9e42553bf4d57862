"""Evaluation of the served models on a folder of development files, kept as a report beside the weights."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, Any

from streams.errors import Misconfigured
from streams.models import evaluation

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from streams.models.evaluation import Labelled, Model

KEPT = ("n", "accuracy", "macro_f1", "weighted_f1", "ece", "intervals", "slices", "texts_per_second")


def report(
    models: Mapping[str, Model],
    folder: Path,
    baselines: Callable[[Labelled, Model], Mapping[str, Any]] | None = None,
) -> dict[str, Any]:
    """Figures of each file by the task its labels belong to; files of topics are named `topic*`.

    Raises:
        Misconfigured: no labelled CSV there.
    """
    paths = sorted(folder.glob("*.csv"))
    if not paths:
        raise Misconfigured(f"no CSV in {folder}")
    files: dict[str, dict[str, Any]] = {task: {} for task in models}
    for path in paths:
        task = "topic" if path.name.startswith(("topic", "finnl")) else "sentiment"
        model = models[task]
        labelled = evaluation.read(path, evaluation.Columns(target=_target_column(path)), model.labels)
        figures = evaluation.evaluate(model, labelled)
        files[task][path.stem] = {name: figures[name] for name in KEPT}
        if baselines is not None:
            files[task][path.stem]["baselines"] = {
                name: {key: value for key, value in row.items() if key != "per_class"}
                for name, row in baselines(labelled, model).items()
            }
    return {"model_versions": {task: model.version for task, model in models.items()}, "files": files}


def _target_column(path: Path) -> str | None:
    with path.open(encoding="utf-8-sig", newline="") as lines:
        header = next(csv.reader(lines), [])
    return "target" if "target" in header else None
