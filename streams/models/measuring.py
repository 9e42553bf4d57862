"""What an exported model does on the development split: calibration, figures, and what int8 cost."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from streams.models import calibration, datasets, metrics
from streams.models.served import Expert, Scorer, pair
from streams.models.splitting import duplicate_key, split

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from streams.models.datasets import Example

_SMALLEST = 1e-9


@dataclass(frozen=True, slots=True)
class Exported:
    """One expert as int8 in `folder` and as fp32 in `full`, under the names of its metadata entry."""

    folder: Path
    full: Path
    entry: dict[str, Any]
    engine: str


@dataclass(frozen=True, slots=True)
class Measured:
    """The scaling found on the development split, and the figures there."""

    calibration: dict[str, Any]
    dev: dict[str, Any]


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
    """The examples of the recipe's language that its training never saw."""
    dev = split(datasets.load(recipe["task"], data, recipe["exclude"]), recipe["dev_share"])[1]
    return [e for e in dev if recipe.get("language", "") in {"", e.language}]


def measure(exported: Exported, recipe: dict[str, Any], data: Path) -> Measured:
    """Calibrate the int8 model, since that is the one served, and compare it with the fp32 graph.

    The expected calibration error that counts is the cross-fitted one: each text scaled by what was found without it.
    """
    dev = development_split(recipe, data)
    labels, truth = recipe["labels"], np.array([e.label for e in dev])
    served, exact = (_logits(exported, folder, dev) for folder in (exported.folder, exported.full))
    folds = [zlib.crc32((e.key or duplicate_key(e.text)).encode()) % calibration.FOLDS for e in dev]
    method = calibration.best(served, truth, folds)
    unseen = calibration.cross_fitted(method, served, truth, folds)
    scaling = calibration.METHODS[method](served, truth)
    scaled, exactly = scaling.apply(served), scaling.apply(exact)
    figures = {
        "int8": by_group(scaled, dev, labels, lambda e: e.language),
        "int8_by_file": by_group(scaled, dev, labels, lambda e: e.origin),
        "fp32": by_group(exactly, dev, labels, lambda e: e.language),
        "ece_uncalibrated": _all(served, dev, labels)["ece"],
        "ece_cross_fitted": _all(unseen, dev, labels)["ece"],
        "same_decision_as_fp32": round(float((scaled.argmax(1) == exactly.argmax(1)).mean()), 4),
    }
    loss = figures["fp32"]["all"]["macro_f1"] - figures["int8"]["all"]["macro_f1"]
    return Measured(scaling.as_dict(), figures | {"int8_loss_macro_f1": round(loss, 4)})


def is_batch_invariant(folder: Path, recipe: dict[str, Any], data: Path, sample: int = 256) -> bool:
    """Whether texts of both languages score the same to the last bit alone, together and in reverse order."""
    dev = development_split(recipe | {"language": ""}, data)
    pairs = [(e.text, e.target) for e in dev[:: max(1, len(dev) // sample)]]
    scorer = Scorer(folder)
    try:
        together = scorer.many(pairs)
        alone = np.concatenate([scorer.many([item]) for item in pairs])
        reversed_ = scorer.many(pairs[::-1])[::-1]
    finally:
        scorer.close()
    return bool(np.array_equal(together, alone) and np.array_equal(together, reversed_))


def _logits(exported: Exported, folder: Path, dev: Sequence[Example]) -> NDArray[np.float64]:
    """The network's logits, up to a constant a row, shape (examples, labels)."""
    labels = len(exported.entry["calibration"]["scale"])
    plain = {"scale": [1.0] * labels, "bias": [0.0] * labels}
    expert = Expert(folder, exported.entry | {"calibration": plain}, exported.engine, threads=1)
    pairs = [pair(e.text, e.target) for e in dev]
    try:
        found = expert.probabilities([item if item[1] else item[0] for item in pairs])
    finally:
        expert.close()
    return np.log(np.maximum(found.astype(np.float64), _SMALLEST))


def _all(logits: NDArray[np.float64], dev: Sequence[Example], labels: Sequence[str]) -> dict[str, Any]:
    figures: dict[str, Any] = by_group(logits, dev, labels, lambda _: "all")["all"]
    return figures
