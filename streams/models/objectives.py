"""What a training step minimises: cross-entropy, and what a recipe adds to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from streams.models.recipes import Recipe


def backward(recipe: Recipe, forward: Callable[[], Any], embeddings: Any, truth: Any, taught: Any) -> float:
    """Accumulate the gradients of one batch and return its loss.

    `forward()` gives logits (batch, labels); each call draws its own dropout. `taught` holds the teachers'
    probabilities (batch, labels) or None. `embeddings` is the table that FGM disturbs.
    """
    loss = _loss(recipe, forward, truth, taught)
    loss.backward()
    if recipe.fgm:
        _adversarial(recipe, forward, embeddings, truth, taught)
    return float(loss.detach())


def _loss(recipe: Recipe, forward: Callable[[], Any], truth: Any, taught: Any) -> Any:
    logits = forward()
    loss = _fit(recipe, logits, truth, taught)
    if recipe.r_drop:
        again = forward()
        loss = (loss + _fit(recipe, again, truth, taught)) / 2 + recipe.r_drop * divergence(logits, again)
    return loss


def _fit(recipe: Recipe, logits: Any, truth: Any, taught: Any) -> Any:
    from torch.nn import functional

    loss = functional.cross_entropy(logits, truth, label_smoothing=recipe.label_smoothing)
    if taught is None:
        return loss
    return (1 - recipe.teaching) * loss + recipe.teaching * functional.cross_entropy(logits, taught)


def divergence(first: Any, second: Any) -> Any:
    """Mean of both Kullback-Leibler divergences between two sets of logits, per text."""
    from torch.nn import functional

    one, two = functional.log_softmax(first, -1), functional.log_softmax(second, -1)
    forth = functional.kl_div(one, two, log_target=True, reduction="batchmean")
    back = functional.kl_div(two, one, log_target=True, reduction="batchmean")
    return (forth + back) / 4


def _adversarial(
    recipe: Recipe, forward: Callable[[], Any], embeddings: Any, truth: Any, taught: Any
) -> None:
    """A second pass with the embeddings moved where the loss grows fastest; the move is undone."""
    import torch

    step = embeddings.grad * (recipe.fgm / (embeddings.grad.norm() + 1e-9))
    with torch.no_grad():
        embeddings += step
    _fit(recipe, forward(), truth, taught).backward()
    with torch.no_grad():
        embeddings -= step
