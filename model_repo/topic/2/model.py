"""The Triton Python-backend model; `model export` copies this file to model_repo/<name>/<version>/model.py.

It runs in Triton's own environment (numpy<2, onnxruntime, tokenizers) and therefore imports nothing of
`streams`. Training imports `clean` and `pair` from here, so that a text is read in the same way when learning
and serving.

Scores must not depend on the batch a text travelled in. metadata.json names the engine that keeps this:

- `openvino`: int8 weights, activations quantised per token and 64 channels, so that texts do not couple.
  Texts are padded to a width that depends on each text alone and run in batches of powers of two: to the
  last bit the same as alone, and 1.3 to 1.6 times as fast as the other engine on two cores with AVX-512.
- `onnxruntime`: dynamic int8 takes one activation scale over a whole batch, so each text gets its own call,
  spread over as many threads as there are cores; one session, since `InferenceSession.run` is thread-safe.
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
WIDTH_STEP = 4
MAX_BATCH = 16
_URL = re.compile(r"(?:https?://|www\.|pic\.twitter\.com/)\S+", re.IGNORECASE)
_SPACE = re.compile(r"\s+")
_HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff]")
_LATIN = re.compile(r"[A-Za-z]")


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


class OneByOne:
    """ONNX Runtime, one unpadded text a call, a thread a core."""

    def __init__(self, onnx: Path, _pad: int, threads: int) -> None:
        onnxruntime = importlib.import_module("onnxruntime")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(str(onnx), options, providers=["CPUExecutionProvider"])
        self._pool = ThreadPoolExecutor(threads)

    def logits(self, texts: Sequence[Sequence[int]]) -> np.ndarray:
        """Shape (texts, labels), of texts given as token ids."""
        return np.concatenate(list(self._pool.map(self._one, texts)))

    def _one(self, ids: Sequence[int]) -> np.ndarray:
        feed = {"input_ids": np.array([ids]), "attention_mask": np.ones((1, len(ids)), dtype=np.int64)}
        return np.asarray(self._session.run(["logits"], feed)[0])

    def close(self) -> None:
        """End the threads."""
        self._pool.shutdown()


class Buckets:
    """OpenVINO, batches of texts of one width, a stream a core. One caller at a time."""

    def __init__(self, onnx: Path, pad: int, threads: int) -> None:
        openvino = importlib.import_module("openvino")
        settings = {
            "NUM_STREAMS": threads,
            "INFERENCE_NUM_THREADS": threads,
            "ENABLE_CPU_PINNING": False,  # the other model's process wants the same cores
            "INFERENCE_PRECISION_HINT": "f32",  # never bf16 on its own account where the CPU has it
            "DYNAMIC_QUANTIZATION_GROUP_SIZE": 64,
        }
        core = openvino.Core()
        self._queue = openvino.AsyncInferQueue(core.compile_model(str(onnx), "CPU", settings), threads)
        self._pad = pad

    def logits(self, texts: Sequence[Sequence[int]]) -> np.ndarray:
        """Shape (texts, labels), of texts given as token ids."""
        rows: list[Any] = [None] * len(texts)

        def keep(request: Any, places: Sequence[int]) -> None:
            for place, row in zip(places, request.get_tensor("logits").data, strict=True):
                rows[place] = row.copy()

        self._queue.set_callback(keep)
        for places in batches([len(ids) for ids in texts]):
            self._queue.start_async(self._feed([texts[place] for place in places]), places)
        self._queue.wait_all()
        return np.stack(rows)

    def _feed(self, texts: Sequence[Sequence[int]]) -> dict[str, np.ndarray]:
        ids = np.full((len(texts), width_of(len(texts[0]))), self._pad, dtype=np.int64)
        mask = np.zeros_like(ids)
        for row, text in enumerate(texts):
            ids[row, : len(text)] = text
            mask[row, : len(text)] = 1
        return {"input_ids": ids, "attention_mask": mask}

    def close(self) -> None:
        """Nothing to end: the queue goes with its last reference."""


ENGINES: dict[str, type[OneByOne | Buckets]] = {"onnxruntime": OneByOne, "openvino": Buckets}


def width_of(tokens: int) -> int:
    """The width a text is padded to: depends on the text alone, so that its score does, too."""
    return -(-tokens // WIDTH_STEP) * WIDTH_STEP


def batches(lengths: Sequence[int]) -> list[list[int]]:
    """Places of texts of one width, longest first; powers of two, so that the engine meets few shapes."""
    by_width: dict[int, list[int]] = {}
    for place, length in enumerate(lengths):
        by_width.setdefault(width_of(length), []).append(place)
    found = []
    for width in sorted(by_width, reverse=True):
        places, start = by_width[width], 0
        while start < len(places):
            size = min(MAX_BATCH, 1 << ((len(places) - start).bit_length() - 1))
            found.append(places[start : start + size])
            start += size
    return found


class Expert:
    """One tokenizer, one graph, one calibration: token ids to calibrated probabilities."""

    def __init__(self, folder: Path, entry: dict[str, Any], engine: str, threads: int) -> None:
        # by name: it exists in the serving and training environments only
        tokenizers = importlib.import_module("tokenizers")

        self.tokenizer = tokenizers.Tokenizer.from_file(str(folder / entry["tokenizer"]))
        self.tokenizer.no_padding()
        self.tokenizer.enable_truncation(MAX_TOKENS, strategy="only_first")
        self.power = float(entry["calibration"].get("power", 1.0))
        self.scale = np.asarray(entry["calibration"]["scale"], dtype=np.float64)
        self.bias = np.asarray(entry["calibration"]["bias"], dtype=np.float64)
        pads = [self.tokenizer.token_to_id(name) for name in ("<pad>", "[PAD]")]
        pad = next((number for number in pads if number is not None), 0)
        self._engine = ENGINES[engine](folder / entry["model"], pad, threads)

    def probabilities(self, texts: Sequence[str | tuple[str, str]]) -> np.ndarray:
        """Shape (texts, labels), of texts or (text, target) pairs as `Scorer` reads them."""
        ids = [encoding.ids for encoding in self.tokenizer.encode_batch(list(texts))]
        raw = log_softmax(self._engine.logits(ids).astype(np.float64))
        scaled = log_softmax(-((-raw) ** self.power) * self.scale + self.bias)
        return np.asarray(np.exp(scaled), dtype=np.float32)

    def close(self) -> None:
        """End the engine's threads."""
        self._engine.close()


def log_softmax(logits: np.ndarray) -> np.ndarray:
    """Row-wise, never above 0."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    return np.asarray(np.minimum(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)), 0.0))


class Scorer:
    """Texts to calibrated probabilities, float32 of shape (texts, labels); needs no Triton.

    A version holds an expert a language (`experts` in metadata.json) or, in the oldest layout, one network for
    all texts. The script of a text alone decides which one reads it.
    """

    def __init__(self, folder: Path, threads: int | None = None) -> None:
        self.metadata: dict[str, Any] = json.loads((folder / "metadata.json").read_text("utf-8"))
        self._simplified = read_simplified(folder)
        single = {"model": "model.onnx", "tokenizer": "tokenizer.json"} | self.metadata
        entries = self.metadata.get("experts") or {"any": single}
        engine = self.metadata.get("engine", "onnxruntime")
        workers = threads or len(os.sched_getaffinity(0))
        self.experts = {name: Expert(folder, entry, engine, workers) for name, entry in entries.items()}

    def many(self, texts_and_targets: Sequence[tuple[str, str]]) -> np.ndarray:
        """Probabilities of each text, independent of its neighbours, shape (texts, labels)."""
        found = np.zeros((len(texts_and_targets), len(self.metadata["labels"])), dtype=np.float32)
        texts = [self.read(*item) for item in texts_and_targets]
        names = np.array([self.expert_for(text) for text, _ in texts_and_targets])
        for name, expert in self.experts.items():
            places = np.flatnonzero(names == name)
            if places.size:
                found[places] = expert.probabilities([texts[place] for place in places])
        return found

    def expert_for(self, text: str) -> str:
        """The name of the expert that reads a text."""
        language = script(text)
        return language if language in self.experts else next(iter(self.experts))

    def read(self, text: str, target: str) -> str | tuple[str, str]:
        """A text and its target as the tokenizer gets them."""
        text, target = (part.translate(self._simplified) for part in pair(text, target))
        return (text, target) if target else text

    def close(self) -> None:
        """End the engines' threads."""
        for expert in self.experts.values():
            expert.close()


def script(text: str) -> str:
    """`zh` where at least a seventh of the letters are ideographs, else `en`."""
    head = text[:MAX_TEXT_CHARS]
    ideographs = len(_HAN.findall(head))
    return "zh" if ideographs and ideographs * 6 >= len(_LATIN.findall(head)) else "en"


def read_simplified(folder: Path) -> dict[int, int]:
    """Traditional characters → simplified ones, where the version has the table: the models learnt the latter."""
    path = folder / "simplified.txt"
    if not path.is_file():
        return {}
    traditional, simplified = path.read_text("utf-8").split()
    return str.maketrans(traditional, simplified)


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
        self.warm_up()

    def warm_up(self) -> None:
        """A text a language, so that the first request finds everything loaded; fails the load where it fails."""
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
