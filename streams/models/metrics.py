"""Accuracy, F1 and calibration error in plain numpy (the application has no scikit-learn)."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class ClassReport:
    """One class: precision and recall are 0 where nothing was predicted or nothing exists."""

    precision: float
    recall: float
    f1: float
    support: int


@dataclass(frozen=True, slots=True)
class Report:
    """A whole evaluation. Macro-F1 averages the classes that occur in truth or prediction."""

    n: int
    accuracy: float
    macro_f1: float
    weighted_f1: float
    ece: float
    per_class: dict[str, ClassReport]

    def as_dict(self) -> dict[str, Any]:
        """For JSON, figures to four digits."""
        return {name: _rounded(value) for name, value in asdict(self).items()}


def report(truth: NDArray[np.int64], probabilities: NDArray[np.float64], labels: Sequence[str]) -> Report:
    """Compare class indices of shape (n,) with probabilities of shape (n, labels); n must be at least 1."""
    predicted = probabilities.argmax(axis=1)
    classes = {name: _class_report(truth == i, predicted == i) for i, name in enumerate(labels)}
    present = [c for i, c in enumerate(classes.values()) if c.support or bool((predicted == i).any())]
    return Report(
        n=len(truth),
        accuracy=float((truth == predicted).mean()),
        macro_f1=float(np.mean([c.f1 for c in present])),
        weighted_f1=float(np.average([c.f1 for c in present], weights=[c.support for c in present])),
        ece=expected_calibration_error(truth, probabilities),
        per_class=classes,
    )


def expected_calibration_error(
    truth: NDArray[np.int64], probabilities: NDArray[np.float64], bins: int = 15
) -> float:
    """Mean gap of confidence and accuracy over equal-width bins, by count (Guo et al. 2017, eq. 3)."""
    confidence = probabilities.max(axis=1)
    right = (probabilities.argmax(axis=1) == truth).astype(np.float64)
    # bins are (lower, upper], as in the paper
    index = np.clip(np.ceil(confidence * bins).astype(np.int64) - 1, 0, bins - 1)
    gaps = np.bincount(index, confidence - right, minlength=bins)
    return float(np.abs(gaps).sum() / len(truth))


def _class_report(is_true: NDArray[np.bool_], is_predicted: NDArray[np.bool_]) -> ClassReport:
    hits = int((is_true & is_predicted).sum())
    precision = hits / int(is_predicted.sum()) if is_predicted.any() else 0.0
    recall = hits / int(is_true.sum()) if is_true.any() else 0.0
    f1 = 2 * precision * recall / (precision + recall) if hits else 0.0
    return ClassReport(precision, recall, f1, int(is_true.sum()))


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    return round(value, 4) if isinstance(value, float) else value
