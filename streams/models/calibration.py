"""Scaling that makes confidences honest, fitted on log-probabilities.

- temperature: one factor (Guo et al. 2017); changes no decision;
- vector: a factor and a shift a class;
- power: a factor and an exponent, p' ~ exp(-factor * (-log p) ** power); changes no decision either. Label smoothing
  presses the confidence of easy and hard texts together, which no factor takes apart; an exponent above 1 does.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

_GOLDEN = (math.sqrt(5) - 1) / 2
_LOWEST, _HIGHEST = math.log(0.2), math.log(5.0)
_STEPS = 60
FOLDS: Final = 5
_PULL: Final = 0.02  # keeps the factors of rare classes near 1 and their shifts near 0


@dataclass(frozen=True, slots=True)
class Scaling:
    """What `served.Expert` does to log-probabilities: -(-log p) ** power * scale + bias, then softmax."""

    method: str
    scale: tuple[float, ...]
    bias: tuple[float, ...]
    power: float = 1.0

    def apply(self, logits: NDArray[np.float64]) -> NDArray[np.float64]:
        """Scaled logits, shape kept."""
        pressed = -((-log_softmax(logits)) ** self.power)
        return np.asarray(pressed * np.array(self.scale) + np.array(self.bias))

    def as_dict(self) -> dict[str, Any]:
        """For metadata.json."""
        return {
            "method": self.method,
            "power": round(self.power, 6),
            "scale": [round(value, 6) for value in self.scale],
            "bias": [round(value, 6) for value in self.bias],
        }


def log_softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Row-wise, shape kept, never above 0."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    return np.asarray(np.minimum(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)), 0.0))


def softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Row-wise, shape kept."""
    return np.asarray(np.exp(log_softmax(logits)))


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
    """One factor for all classes."""
    classes = logits.shape[1]
    return Scaling("temperature", (1 / fit_temperature(logits, truth),) * classes, (0.0,) * classes)


def vector(logits: NDArray[np.float64], truth: NDArray[np.int64]) -> Scaling:
    """A factor and a shift a class, pulled towards the temperature's."""
    from scipy.optimize import minimize

    start = temperature(logits, truth).scale[0]
    chances = log_softmax(logits)
    classes = logits.shape[1]
    rows = np.arange(len(truth))

    def loss(values: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        factors, shifts = np.exp(values[:classes]) * start, values[classes:]
        wrong = softmax(chances * factors + shifts)
        likelihood = -np.log(wrong[rows, truth] + 1e-12).mean()
        wrong[rows, truth] -= 1
        slopes = np.concatenate([(wrong * chances * factors).mean(0), wrong.mean(0)])
        return float(likelihood + _PULL * (values**2).sum() / 2), slopes + _PULL * values

    found = minimize(loss, np.zeros(2 * classes), jac=True, method="L-BFGS-B").x
    return Scaling("vector", tuple(np.exp(found[:classes]) * start), tuple(found[classes:]))


def power(logits: NDArray[np.float64], truth: NDArray[np.int64]) -> Scaling:
    """A factor and an exponent for all classes."""
    from scipy.optimize import minimize

    classes = logits.shape[1]

    def scaling(values: NDArray[np.float64]) -> Scaling:
        factor, exponent = np.exp(values)
        return Scaling("power", (float(factor),) * classes, (0.0,) * classes, float(exponent))

    def loss(values: NDArray[np.float64]) -> float:
        return negative_log_likelihood(scaling(values).apply(logits), truth)

    return scaling(minimize(loss, np.zeros(2), method="Nelder-Mead").x)


METHODS: Final[dict[str, Callable[[NDArray[np.float64], NDArray[np.int64]], Scaling]]] = {
    "temperature": temperature,
    "vector": vector,
    "power": power,
}


def cross_fitted(
    method: str, logits: NDArray[np.float64], truth: NDArray[np.int64], folds: Sequence[int]
) -> NDArray[np.float64]:
    """Logits scaled by what was fitted on the other folds: what the scaling does on texts it has not seen."""
    fold = np.asarray(folds)
    scaled = np.empty_like(logits)
    for number in np.unique(fold):
        inside = fold == number
        scaled[inside] = METHODS[method](logits[~inside], truth[~inside]).apply(logits[inside])
    return scaled


def best(logits: NDArray[np.float64], truth: NDArray[np.int64], folds: Sequence[int]) -> str:
    """The method with the smallest likelihood loss on texts it has not seen."""
    losses = {
        name: negative_log_likelihood(cross_fitted(name, logits, truth, folds), truth) for name in METHODS
    }
    return min(losses, key=lambda name: losses[name])
