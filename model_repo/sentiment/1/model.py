"""The Triton Python-backend model; `model export` copies this file to model_repo/<name>/<version>/model.py.

It runs in Triton's own environment (numpy<2, onnxruntime, tokenizers) and therefore imports nothing of
`streams`. Training imports `clean` and `pair` from here, so that a text is read in the same way when learning
and serving.

One text a session call: dynamic int8 takes one activation scale over a whole batch, so a text's score would
depend on its neighbours. Alone, unpadded, it cannot; and on CPU it is no slower (design/03). One session is
shared by as many threads as there are cores: `InferenceSession.run` is thread-safe, and a second session
would double the memory.
"""

import html
import importlib
import json
import os
import re
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

# The backend's stub embeds an interpreter that can ignore PYTHONPATH (seen with libpython 3.11.2 and 3.11.7,
# Triton 2.51), so the environment's site-packages are put on the path by hand. A no-op everywhere else.
sys.path.extend(
    entry for entry in os.environ.get("PYTHONPATH", "").split(":") if entry and entry not in sys.path
)

import numpy as np

MAX_TOKENS = 128
MAX_TEXT_CHARS = 2_000  # far beyond 128 tokens; bounds the tokenizer's work on a hostile text
MAX_TARGET_CHARS = 64
_URL = re.compile(r"(?:https?://|www\.|pic\.twitter\.com/)\S+", re.IGNORECASE)
_SPACE = re.compile(r"\s+")


class UnreadableTextError(ValueError):
    """A text that cannot be scored; fails its own request only."""


def clean(text: str) -> str:
    """Without links, HTML entities and runs of white space: they carry no sentiment but cost tokens."""
    return _SPACE.sub(" ", _URL.sub(" ", html.unescape(text[:MAX_TEXT_CHARS]))).strip()


def pair(text: str, target: str) -> tuple[str, str]:
    """(text, target) as the tokenizer gets them; an empty target means the whole text."""
    return clean(text), clean(target)[:MAX_TARGET_CHARS]


def decode(raw: Any) -> str:
    """A BYTES element as text; raises UnreadableTextError for bytes that are not UTF-8."""
    try:
        return raw.decode("utf-8") if isinstance(raw, bytes) else str(raw)
    except UnicodeDecodeError as error:
        raise UnreadableTextError(f"text is not UTF-8: {error}") from error


class Scorer:
    """Texts to calibrated probabilities, float32 of shape (texts, labels); needs no Triton."""

    def __init__(self, folder: Path, threads: int | None = None) -> None:
        # by name: they exist in the serving and training environments only
        onnxruntime = importlib.import_module("onnxruntime")
        tokenizers = importlib.import_module("tokenizers")

        self.metadata: dict[str, Any] = json.loads((folder / "metadata.json").read_text("utf-8"))
        calibration = self.metadata["calibration"]
        self._scale = np.asarray(calibration["scale"], dtype=np.float64)
        self._bias = np.asarray(calibration["bias"], dtype=np.float64)
        self._tokenizer = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(MAX_TOKENS, strategy="only_first")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(
            str(folder / "model.onnx"), options, providers=["CPUExecutionProvider"]
        )
        self._pool = ThreadPoolExecutor(threads or len(os.sched_getaffinity(0)))

    def one(self, text_and_target: tuple[str, str]) -> np.ndarray:
        """Probabilities of one text, shape (labels,)."""
        text, target = pair(*text_and_target)
        encoding = self._tokenizer.encode(text, target) if target else self._tokenizer.encode(text)
        feed = {
            "input_ids": np.asarray([encoding.ids], dtype=np.int64),
            "attention_mask": np.asarray([encoding.attention_mask], dtype=np.int64),
        }
        logits = self._session.run(None, feed)[0][0].astype(np.float64) * self._scale + self._bias
        exponentials = np.exp(logits - logits.max())
        return np.asarray(exponentials / exponentials.sum(), dtype=np.float32)

    def many(self, texts_and_targets: Sequence[tuple[str, str]]) -> np.ndarray:
        """Probabilities of each text, independent of its neighbours, shape (texts, labels)."""
        if not texts_and_targets:
            return np.zeros((0, len(self._scale)), dtype=np.float32)
        return np.stack(list(self._pool.map(self.one, texts_and_targets)))

    def close(self) -> None:
        """End the threads."""
        self._pool.shutdown()


class TritonPythonModel:
    """What the Python backend calls; see the contract in config.pbtxt."""

    def initialize(self, args: dict[str, str]) -> None:
        """Load and warm up; refuses numpy 2, which kills the stub on its first BYTES request."""
        pb_utils = importlib.import_module("triton_python_backend_utils")  # exists inside the stub only

        if int(np.__version__.split(".")[0]) >= 2:
            raise pb_utils.TritonModelException(
                f"numpy<2 is needed in Triton's environment, found {np.__version__}"
            )
        self._pb = pb_utils
        self._scorer = Scorer(Path(args["model_repository"]) / args["model_version"])
        self._scorer.many([("Profit fell by half.", ""), ("公司净利润同比增长。", "")])

    def execute(self, requests: list[Any]) -> list[Any]:
        """One response per request; all their texts share the pool, and a bad one fails its request alone."""
        inputs: list[list[tuple[str, str]] | UnreadableTextError] = [
            self._read(request) for request in requests
        ]
        pooled = [item for texts in inputs if isinstance(texts, list) for item in texts]
        try:
            probabilities = self._scorer.many(pooled)
        except Exception as error:  # noqa: BLE001 - whose text it was is unknown: score each request by itself
            return [self._alone(texts, error) for texts in inputs]
        responses, start = [], 0
        for texts in inputs:
            if isinstance(texts, UnreadableTextError):
                responses.append(self._failed(texts))
                continue
            responses.append(self._answer(probabilities[start : start + len(texts)]))
            start += len(texts)
        return responses

    def finalize(self) -> None:
        """Called once when the model is unloaded."""
        self._scorer.close()

    def _read(self, request: Any) -> list[tuple[str, str]] | UnreadableTextError:
        try:
            texts = [decode(raw) for raw in self._column(request, "TEXT")]
            targets = [decode(raw) for raw in self._column(request, "TARGET")] or [""] * len(texts)
        except UnreadableTextError as error:
            return error
        return list(zip(texts, targets, strict=True))

    def _column(self, request: Any, name: str) -> list[Any]:
        tensor = self._pb.get_input_tensor_by_name(request, name)
        return [] if tensor is None else list(tensor.as_numpy().reshape(-1))

    def _alone(self, texts: list[tuple[str, str]] | UnreadableTextError, _cause: Exception) -> Any:
        if isinstance(texts, UnreadableTextError):
            return self._failed(texts)
        try:
            return self._answer(self._scorer.many(texts))
        except Exception as error:  # noqa: BLE001 - the answer to this request, not a crash of the stub
            return self._failed(error)

    def _answer(self, probabilities: np.ndarray) -> Any:
        return self._pb.InferenceResponse([self._pb.Tensor("PROBABILITIES", probabilities)])

    def _failed(self, error: Exception) -> Any:
        return self._pb.InferenceResponse(
            output_tensors=[], error=self._pb.TritonError(str(error), self._pb.TritonError.INVALID_ARG)
        )
