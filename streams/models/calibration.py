"""Temperature scaling (Guo et al. 2017): one number that makes confidences honest and changes no decision."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_GOLDEN = (math.sqrt(5) - 1) / 2
_LOWEST, _HIGHEST = math.log(0.2), math.log(5.0)
_STEPS = 60


def softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Row-wise, shape kept."""
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(exponentials / exponentials.sum(axis=1, keepdims=True))


def negative_log_likelihood(logits: NDArray[np.float64], truth: NDArray[np.int64]) -> float:
    """Mean, in nats."""
    return float(-np.log(softmax(logits)[np.arange(len(truth)), truth] + 1e-12).mean())


def fit_temperature(logits: NDArray[np.float64], truth: NDArray[np.int64]) -> float:
    """The T in [0.2, 5] that minimises the likelihood loss of logits / T; golden-section search on log T."""
    low, high = _LOWEST, _HIGHEST

    def loss(log_temperature: float) -> float:
        return negative_log_likelihood(logits / math.exp(log_temperature), truth)

    for _ in range(_STEPS):
        left, right = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
        low, high = (low, right) if loss(left) < loss(right) else (left, high)
    return math.exp((low + high) / 2)
