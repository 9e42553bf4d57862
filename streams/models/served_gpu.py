"""The text side of the GPU repository: reads and tokenises on the CPU, asks the engine models on the GPU.

`model export --engine tensorrt-repo` copies this file to <task>/<version>/model.py and `served.py` beside it, which it takes
everything from but the engine: the outer contract is the same. Imports nothing of `streams`.
"""

import importlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
served: Any = importlib.import_module("served")

WIDTHS = (32, 64, 128)
"""One engine model each, with a TensorRT profile of exactly that width."""
MAX_BATCH = 64


def bucket_of(tokens: int) -> int:
    """The width of the engine a text goes to: depends on the text alone."""
    return next(width for width in WIDTHS if tokens <= width)


def engine_name(task: str, expert: str, width: int) -> str:
    """The Triton model that scores token ids of this width."""
    return f"{task}_{expert}_{width}"


class Engines:
    """Logits from the engine models of one expert, through Triton itself (business logic scripting)."""

    def __init__(self, onnx: Path, pad: int, _threads: int) -> None:
        self._pb = importlib.import_module("triton_python_backend_utils")
        self._task, self._expert, self._pad = onnx.parent.parent.name, onnx.stem, pad

    def logits(self, texts: Sequence[Sequence[int]]) -> np.ndarray:
        """Shape (texts, labels), of texts given as token ids."""
        rows: list[Any] = [None] * len(texts)
        for width in WIDTHS:
            places = [place for place, ids in enumerate(texts) if bucket_of(len(ids)) == width]
            for start in range(0, len(places), MAX_BATCH):
                part = places[start : start + MAX_BATCH]
                for place, row in zip(part, self._ask(width, [texts[p] for p in part]), strict=True):
                    rows[place] = row
        return np.stack(rows)

    def _ask(self, width: int, texts: Sequence[Sequence[int]]) -> np.ndarray:
        ids = np.full((len(texts), width), self._pad, dtype=np.int64)
        mask = np.zeros_like(ids)
        for row, text in enumerate(texts):
            ids[row, : len(text)] = text
            mask[row, : len(text)] = 1
        request = self._pb.InferenceRequest(
            model_name=engine_name(self._task, self._expert, width),
            requested_output_names=["logits"],
            inputs=[self._pb.Tensor("input_ids", ids), self._pb.Tensor("attention_mask", mask)],
        )
        answer = request.exec()
        if answer.has_error():
            raise RuntimeError(answer.error().message())
        tensor = self._pb.get_output_tensor_by_name(answer, "logits")
        if tensor.is_cpu():
            return np.asarray(tensor.as_numpy())
        return np.from_dlpack(
            tensor.to_dlpack()
        )  # engines answer into CPU memory; see FORCE_CPU_ONLY in config.pbtxt

    def close(self) -> None:
        """Nothing to end."""


served.ENGINES["triton"] = Engines


class TritonPythonModel(served.TritonPythonModel):  # type: ignore[misc]  # loaded by name
    """As on a CPU, but for the engine; metadata.json beside it says `"engine": "triton"`."""

    def warm_up(self) -> None:
        """Nothing: the engine models warm themselves up, and Triton refuses calls between models while loading."""
