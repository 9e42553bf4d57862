"""The classifier: the backbone's tokens, averaged, through one linear layer.

Mean pooling because that is how the backbones (E5) were pre-trained.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from streams.errors import Misconfigured
from streams.models import TRAIN_EXTRA

if TYPE_CHECKING:
    import torch


def require_torch() -> None:
    """Raises Misconfigured, naming the remedy, where torch or transformers are missing."""
    try:
        import torch  # noqa: F401
        import transformers  # noqa: F401
    except ImportError as error:
        raise Misconfigured(f"this needs torch and transformers: {TRAIN_EXTRA}") from error


def build(
    backbone: Path | str,
    labels: int,
    *,
    attention: str = "sdpa",
    dropout: float = 0.1,
    attention_dropout: float = 0.0,
) -> torch.nn.Module:
    """A classifier on the backbone; forward(input_ids, attention_mask) -> logits of shape (batch, labels).

    The head is fresh, unless the backbone is an earlier release with as many labels.
    """
    import torch
    from transformers import AutoConfig, AutoModel

    config = AutoConfig.from_pretrained(
        str(backbone), hidden_dropout_prob=dropout, attention_probs_dropout_prob=attention_dropout
    )

    class Classifier(torch.nn.Module):  # type: ignore[misc]  # torch is absent where types are checked
        def __init__(self) -> None:
            super().__init__()
            self.encoder = AutoModel.from_pretrained(
                str(backbone),
                config=config,
                dtype=torch.float32,
                attn_implementation=attention,
                add_pooling_layer=False,
            )
            self.dropout = torch.nn.Dropout(dropout)
            self.head = torch.nn.Linear(self.encoder.config.hidden_size, labels)

        def forward(self, input_ids: Any, attention_mask: Any) -> Any:
            states = self.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
            weights = attention_mask.unsqueeze(-1).to(states.dtype)
            pooled = (states * weights).sum(1) / weights.sum(1)
            return self.head(self.dropout(pooled))

    model = Classifier()
    _take_head(model.head, Path(backbone) / "model.safetensors")
    return model


def _take_head(head: torch.nn.Linear, weights: Path) -> None:
    """Copy the head that a release carries; one for other labels is left alone."""
    import torch
    from safetensors import safe_open

    if not weights.is_file():
        return
    with safe_open(weights, "pt") as stored:
        if "head.weight" not in stored.keys():  # noqa: SIM118 - not a mapping
            return
        weight, bias = stored.get_tensor("head.weight"), stored.get_tensor("head.bias")
    if weight.shape == head.weight.shape:
        with torch.no_grad():
            head.weight.copy_(weight)
            head.bias.copy_(bias)


def parameter_groups(
    model: torch.nn.Module, rate: float, head_factor: float, decay: float
) -> list[dict[str, Any]]:
    """What the optimiser gets: the head fastest, each layer slower than the one above by the factor `decay`."""
    layers = model.encoder.config.num_hidden_layers
    groups: dict[int, list[Any]] = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            groups.setdefault(_depth(name, layers), []).append(parameter)
    rates = {depth: rate * (head_factor if depth < 0 else decay**depth) for depth in groups}
    return [{"params": members, "lr": rates[depth]} for depth, members in sorted(groups.items())]


def _depth(name: str, layers: int) -> int:
    """-1 for the head, 0 for the last layer, `layers` for the embeddings."""
    parts = name.split(".")
    if parts[0] == "head":
        return -1
    return layers - 1 - int(parts[parts.index("layer") + 1]) if "layer" in parts else layers
