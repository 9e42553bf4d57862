"""The classifier: the backbone's tokens, averaged, through one linear layer.

Mean pooling because that is how the backbone (multilingual E5) was pre-trained.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from streams.errors import Misconfigured
from streams.models import TRAIN_EXTRA

if TYPE_CHECKING:
    from pathlib import Path

    import torch


def require_torch() -> None:
    """Raises Misconfigured, naming the remedy, where torch or transformers are missing."""
    try:
        import torch  # noqa: F401
        import transformers  # noqa: F401
    except ImportError as error:
        raise Misconfigured(f"this needs torch and transformers: {TRAIN_EXTRA}") from error


def build(
    backbone: Path | str, labels: int, *, attention: str = "sdpa", dropout: float = 0.1
) -> torch.nn.Module:
    """A classifier on a fresh head; forward(input_ids, attention_mask) -> logits of shape (batch, labels)."""
    import torch
    from transformers import AutoModel

    class Classifier(torch.nn.Module):  # type: ignore[misc]  # torch is absent where types are checked
        def __init__(self) -> None:
            super().__init__()
            self.encoder = AutoModel.from_pretrained(
                str(backbone), dtype=torch.float32, attn_implementation=attention, add_pooling_layer=False
            )
            self.dropout = torch.nn.Dropout(dropout)
            self.head = torch.nn.Linear(self.encoder.config.hidden_size, labels)

        def forward(self, input_ids: Any, attention_mask: Any) -> Any:
            states = self.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
            weights = attention_mask.unsqueeze(-1).to(states.dtype)
            pooled = (states * weights).sum(1) / weights.sum(1)
            return self.head(self.dropout(pooled))

    return Classifier()
