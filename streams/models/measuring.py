"""What an exported model does on the development split: calibration, figures, and what int8 cost."""

from __future__ import annotations

import tempfile
from pathlib import Path
from shutil import copyfile
from typing import TYPE_CHECKING, Any

import numpy as np

from streams.models import calibration, datasets, metrics
from streams.models.served import Scorer
from streams.models.splitting import split

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from streams.models.datasets import Example

_SMALLEST = 1e-9


def by_group(
    logits: NDArray[np.float64],
    examples: Sequence[Example],
    labels: Sequence[str],
    group: Callable[[Example], str],
) -> dict[str, Any]:
    """n, accuracy, macro_f1 and ece of each group of examples, and of "all"; `logits` (examples, labels)."""
    truth = np.array([e.label for e in examples])
    names = np.array([group(e) for e in examples])
    masks = {"all": np.ones(len(names), dtype=bool)} | {
        str(name): names == name for name in sorted(set(names))
    }
    figures = {}
    for name, mask in masks.items():
        full = metrics.report(truth[mask], calibration.softmax(logits[mask]), labels).as_dict()
        figures[name] = {key: full[key] for key in ("n", "accuracy", "macro_f1", "ece")}
    return figures


def development_split(recipe: dict[str, Any], data: Path) -> list[Example]:
    """The examples that the recipe's training never saw."""
    return split(datasets.load(recipe["task"], data, recipe["exclude"]), recipe["dev_share"])[1]


def measure(folder: Path, full: Path, recipe: dict[str, Any], data: Path) -> dict[str, Any]:
    """Compare the int8 model in `folder` with the fp32 graph `full` on the development split.

    The temperature is fitted on the int8 model, since that is the one served. `folder` must hold an
    uncalibrated metadata.json (scale 1, bias 0).
    """
    dev = development_split(recipe, data)
    labels, truth = recipe["labels"], np.array([e.label for e in dev])
    served = log_probabilities(folder, dev)
    temperature = calibration.fit_temperature(served, truth)
    exact = _of_full_graph(folder, full, dev)
    return {
        "temperature": round(temperature, 4),
        "int8": by_group(served / temperature, dev, labels, lambda e: e.language),
        "int8_by_file": by_group(served / temperature, dev, labels, lambda e: e.origin),
        "int8_uncalibrated_ece": by_group(served, dev, labels, lambda e: e.language)["all"]["ece"],
        "fp32": by_group(exact / temperature, dev, labels, lambda e: e.language),
        "same_decision_as_fp32": round(float((served.argmax(1) == exact.argmax(1)).mean()), 4),
        "batch_invariant": is_batch_invariant(folder, dev),
    }


def log_probabilities(folder: Path, examples: Sequence[Example]) -> NDArray[np.float64]:
    """The served model's answers as logits (up to a constant a row), shape (examples, labels)."""
    scorer = Scorer(folder)
    try:
        probabilities = scorer.many([(e.text, e.target) for e in examples])
    finally:
        scorer.close()
    return np.log(np.maximum(probabilities.astype(np.float64), _SMALLEST))


def is_batch_invariant(folder: Path, examples: Sequence[Example], sample: int = 256) -> bool:
    """Whether texts score the same to the last bit alone, together and in reverse order."""
    pairs = [(e.text, e.target) for e in examples[:sample]]
    scorer = Scorer(folder)
    try:
        together = scorer.many(pairs)
        alone = np.concatenate([scorer.many([item]) for item in pairs])
        reversed_ = scorer.many(pairs[::-1])[::-1]
    finally:
        scorer.close()
    return bool(np.array_equal(together, alone) and np.array_equal(together, reversed_))


def _of_full_graph(folder: Path, full: Path, examples: Sequence[Example]) -> NDArray[np.float64]:
    with tempfile.TemporaryDirectory() as scratch:
        twin = Path(scratch)
        for name in ("tokenizer.json", "metadata.json"):
            copyfile(folder / name, twin / name)
        (twin / "model.onnx").symlink_to(full)
        return log_probabilities(twin, examples)
