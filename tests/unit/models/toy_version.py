"""A version directory with a tiny real network and tokenizer, as `model export` would leave it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper, save

from streams.domain.label import SENTIMENT_LABELS
from streams.models.quantising import quantise

if TYPE_CHECKING:
    from pathlib import Path

WORDS = (
    "[PAD]",
    "[UNK]",
    "acme",
    "bolt",
    "warns",
    "of",
    "a",
    "loss",
    "beats",
    "estimates",
    "亏",
    "损",
    "增",
    "长",
)
WIDTH = 64


def network(seed: int) -> Any:
    """Word vectors, averaged over the mask, through one hidden layer: input_ids, attention_mask → logits."""
    draw = np.random.default_rng(seed)
    tensors = {
        "words": draw.normal(size=(max(len(WORDS), WIDTH), WIDTH)),
        "hidden": draw.normal(size=(WIDTH, WIDTH)) / 8,
        "head": draw.normal(size=(WIDTH, 3)),
        "one": np.array([1]),
    }
    nodes = [
        helper.make_node("Gather", ["words", "input_ids"], ["vectors"]),
        helper.make_node("Cast", ["attention_mask"], ["mask"], to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["mask", "axis"], ["wide"]),
        helper.make_node("Mul", ["vectors", "wide"], ["kept"]),
        helper.make_node("ReduceSum", ["kept", "one_axis"], ["sum"], keepdims=0),
        helper.make_node("ReduceSum", ["wide", "one_axis"], ["count"], keepdims=0),
        helper.make_node("Div", ["sum", "count"], ["mean"]),
        helper.make_node("MatMul", ["mean", "hidden"], ["inner"]),
        helper.make_node("Tanh", ["inner"], ["squashed"]),
        helper.make_node("MatMul", ["squashed", "head"], ["logits"]),
    ]
    initial = [
        numpy_helper.from_array(tensors[name].astype(np.float32), name)
        for name in ("words", "hidden", "head")
    ]
    initial += [
        numpy_helper.from_array(np.array([2]), "axis"),
        numpy_helper.from_array(np.array([1]), "one_axis"),
    ]
    shape = ["batch", "tokens"]
    graph = helper.make_graph(
        nodes, "toy",
        [helper.make_tensor_value_info(name, TensorProto.INT64, shape) for name in ("input_ids", "attention_mask")],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", 3])],
        initial,
    )  # fmt: skip
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def tokenizer() -> dict[str, Any]:
    """A tokenizer.json that splits at spaces and between Chinese characters."""
    return {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": [], "normalizer": {"type": "Lowercase"},
        "pre_tokenizer": {"type": "BertPreTokenizer"}, "post_processor": None, "decoder": None,
        "model": {"type": "WordLevel", "vocab": {word: i for i, word in enumerate(WORDS)}, "unk_token": "[UNK]"},
    }  # fmt: skip


def write(folder: Path, engine: str = "onnxruntime") -> Path:
    """The version directory, with an expert a language."""
    folder.mkdir(parents=True)
    experts = {}
    for seed, name in enumerate(("en", "zh")):
        save(network(seed), folder / "full.onnx")
        quantise(folder / "full.onnx", folder / f"{name}.onnx")
        (folder / "full.onnx").unlink()
        (folder / f"{name}.tokenizer.json").write_text(json.dumps(tokenizer()), "utf-8")
        experts[name] = {
            "model": f"{name}.onnx", "tokenizer": f"{name}.tokenizer.json",
            "calibration": {"scale": [0.9] * 3, "bias": [0.1, 0.0, -0.1]},
        }  # fmt: skip
    metadata = {
        "task": "sentiment", "labels": list(SENTIMENT_LABELS), "model_version": "sentiment-toy-gpu",
        "training_cutoff": "2023-12-31", "engine": engine, "experts": experts,
    }  # fmt: skip
    (folder / "metadata.json").write_text(json.dumps(metadata), "utf-8")
    return folder
