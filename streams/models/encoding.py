"""Texts as the network reads them: tokens, batches of like length, and predictions over many texts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from streams.models import served

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

OPEN, CLOSE = "[ ", " ]"
_PREDICTED_AT_ONCE = 32


def tokenizer(folder: Path, max_tokens: int) -> Any:
    """The folder's tokenizer without padding, cutting the text and never the target."""
    from tokenizers import Tokenizer

    loaded = Tokenizer.from_file(str(folder / "tokenizer.json"))
    loaded.no_padding()
    loaded.enable_truncation(max_tokens, strategy="only_first")
    return loaded


def token_ids(loaded: Any, pairs: Sequence[tuple[str, str]], marking: str = "segment") -> list[list[int]]:
    """Ids of each (text, target), cleaned as when served."""
    cleaned = [served.pair(*item) for item in pairs]
    if marking == "text":
        return [e.ids for e in loaded.encode_batch([marked(*item) for item in cleaned])]
    return [e.ids for e in loaded.encode_batch([item if item[1] else item[0] for item in cleaned])]


def marked(text: str, target: str) -> str:
    """The text with brackets round the first mention of the target; one it does not name is put in front."""
    at = text.casefold().find(target.casefold()) if target else 0
    if not target:
        return text
    if at < 0:
        return f"{OPEN}{target}{CLOSE}{text}"
    return text[:at] + OPEN + text[at : at + len(target)] + CLOSE + text[at + len(target) :]


def padded(ids: Sequence[list[int]], padding: int) -> tuple[Any, Any]:
    """(input_ids, attention_mask), int64 tensors of shape (texts, longest)."""
    import torch

    width = max(len(row) for row in ids)
    tokens = torch.tensor([row + [padding] * (width - len(row)) for row in ids])
    mask = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in ids])
    return tokens, mask


def logits_of(model: Any, ids: Sequence[list[int]]) -> Any:
    """fp32 logits of one padded batch, computed in bf16 where that is exact enough."""
    import torch

    tokens, mask = padded(ids, model.encoder.config.pad_token_id)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        return model(tokens, mask).float()


def predict(model: Any, ids: Sequence[list[int]]) -> NDArray[np.float64]:
    """Logits of every text, shape (texts, labels); leaves the model in evaluation mode."""
    import torch

    order = sorted(range(len(ids)), key=lambda i: len(ids[i]))
    found: dict[int, Any] = {}
    model.eval()
    with torch.inference_mode():
        for start in range(0, len(order), _PREDICTED_AT_ONCE):
            batch = order[start : start + _PREDICTED_AT_ONCE]
            found |= dict(zip(batch, logits_of(model, [ids[i] for i in batch]).numpy(), strict=True))
    return np.array([found[i] for i in range(len(ids))], dtype=np.float64)
