"""Scaling that makes confidences honest: one temperature (Guo et al. 2017), or a factor and a shift for each class."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    Scaling = tuple[NDArray[np.float64], NDArray[np.float64]]
    Fit = Callable[[NDArray[np.float64], NDArray[np.int64]], Scaling]

_GOLDEN = (math.sqrt(5) - 1) / 2
_LOWEST, _HIGHEST = math.log(0.2), math.log(5.0)
_STEPS = 60
FOLDS: Final = 5
_PULL: Final = 0.02  # keeps the factors of rare classes near 1 and their shifts near 0


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


def temperature(logits: NDArray[np.float64], truth: NDArray[np.int64]) -> Scaling:
    """One factor for all classes: changes no decision."""
    factor = 1 / fit_temperature(logits, truth)
    return np.full(logits.shape[1], factor), np.zeros(logits.shape[1])


def vector(logits: NDArray[np.float64], truth: NDArray[np.int64]) -> Scaling:
    """A factor and a shift a class, pulled towards the temperature's."""
    from scipy.optimize import minimize

    start, _ = temperature(logits, truth)
    classes = logits.shape[1]
    rows = np.arange(len(truth))

    def loss(values: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        factors, shifts = np.exp(values[:classes]) * start, values[classes:]
        wrong = softmax(logits * factors + shifts)
        likelihood = -np.log(wrong[rows, truth] + 1e-12).mean()
        wrong[rows, truth] -= 1
        slopes = np.concatenate([(wrong * logits * factors).mean(0), wrong.mean(0)])
        return float(likelihood + _PULL * (values**2).sum() / 2), slopes + _PULL * values

    found = minimize(loss, np.zeros(2 * classes), jac=True, method="L-BFGS-B").x
    return np.exp(found[:classes]) * start, found[classes:]


METHODS: Final[dict[str, Fit]] = {"temperature": temperature, "vector": vector}


def cross_fitted(
    fit: Fit, logits: NDArray[np.float64], truth: NDArray[np.int64], folds: Sequence[int]
) -> NDArray[np.float64]:
    """Logits scaled by what was fitted on the other folds: what the scaling does on texts it has not seen."""
    fold = np.asarray(folds)
    scaled = np.empty_like(logits)
    for number in np.unique(fold):
        inside = fold == number
        factors, shifts = fit(logits[~inside], truth[~inside])
        scaled[inside] = logits[inside] * factors + shifts
    return scaled


def best(logits: NDArray[np.float64], truth: NDArray[np.int64], folds: Sequence[int]) -> str:
    """The method with the smaller likelihood loss on texts it has not seen."""
    losses = {
        name: negative_log_likelihood(cross_fitted(fit, logits, truth, folds), truth)
        for name, fit in METHODS.items()
    }
    return min(losses, key=lambda name: losses[name])
