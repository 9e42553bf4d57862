"""Bootstrap 95 % intervals of evaluation figures: rows drawn with replacement, percentiles of what comes out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from streams.models.metrics import expected_calibration_error

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

DRAWS: Final = 1_000
SEED: Final = 20_260_701
_SPAN: Final = (2.5, 97.5)


def intervals(truth: NDArray[np.int64], probabilities: NDArray[np.float64]) -> dict[str, list[float]]:
    """[low, high] of accuracy, macro_f1, weighted_f1 and ece; the same draws in every call."""
    predicted, labels = probabilities.argmax(axis=1), probabilities.shape[1]
    generator = np.random.default_rng(SEED)
    rows = []
    for _ in range(DRAWS):
        draw = generator.integers(0, len(truth), len(truth))
        matrix = confusion(truth[draw], predicted[draw], labels)
        ece = expected_calibration_error(truth[draw], probabilities[draw])
        rows.append((*_from_confusion(matrix), ece))
    low, high = np.percentile(np.array(rows), _SPAN, axis=0)
    names = ("accuracy", "macro_f1", "weighted_f1", "ece")
    return {name: [round(float(low[i]), 4), round(float(high[i]), 4)] for i, name in enumerate(names)}


def share_interval(hits: Sequence[bool] | NDArray[np.bool_]) -> list[float]:
    """[low, high] of a share by Wilson's score, which stays inside [0, 1] at small counts (Wilson 1927)."""
    n, z = len(hits), 1.96
    if not n:
        return [0.0, 1.0]
    share = float(np.mean(hits))
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    reach = z * np.sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return [round(max(0.0, float(middle - reach)), 4), round(min(1.0, float(middle + reach)), 4)]


def confusion(truth: NDArray[np.int64], predicted: NDArray[np.int64], labels: int) -> NDArray[np.int64]:
    """Counts of shape (true label, predicted label)."""
    return np.bincount(truth * labels + predicted, minlength=labels * labels).reshape(labels, labels)


def _from_confusion(matrix: NDArray[np.int64]) -> tuple[float, float, float]:
    """Accuracy, macro- and weighted F1, over the classes that occur in truth or prediction."""
    hits, support, said = matrix.diagonal(), matrix.sum(axis=1), matrix.sum(axis=0)
    f1 = 2 * hits / np.maximum(support + said, 1)
    present = (support + said) > 0
    return (
        float(hits.sum() / matrix.sum()),
        float(f1[present].mean()),
        float((f1 * support).sum() / support.sum()),
    )
