"""Low-rank updates instead of full fine-tuning (Hu et al. 2022): fewer trained weights, merged before export."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import torch

SCALE: Final = 2.0  # alpha / rank
_ADAPTED: Final = ("query", "value")


def adapt(model: torch.nn.Module, rank: int) -> int:
    """Freeze the encoder and give its query and value projections trainable updates; returns how many."""
    import torch
    from torch.nn.utils import parametrize

    class LowRank(torch.nn.Module):  # type: ignore[misc]  # torch is absent where types are checked
        def __init__(self, outputs: int, inputs: int) -> None:
            super().__init__()
            self.down = torch.nn.Parameter(torch.randn(rank, inputs) / rank)
            self.up = torch.nn.Parameter(torch.zeros(outputs, rank))

        def forward(self, weight: Any) -> Any:
            return weight + SCALE * self.up @ self.down

    for parameter in model.encoder.parameters():
        parameter.requires_grad = False
    adapted = [m for name, m in model.encoder.named_modules() if name.rsplit(".", 1)[-1] in _ADAPTED]
    for linear in adapted:
        parametrize.register_parametrization(linear, "weight", LowRank(*linear.weight.shape))
    return len(adapted)


def merge(model: torch.nn.Module) -> None:
    """Add the updates to the weights: afterwards the model is one like any other."""
    from torch.nn.utils import parametrize

    for module in list(model.modules()):
        if parametrize.is_parametrized(module, "weight"):
            parametrize.remove_parametrizations(module, "weight", leave_parametrized=True)
