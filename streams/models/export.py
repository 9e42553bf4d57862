"""From a checkpoint to a servable model directory: int8 ONNX, tokenizer, metadata, Triton configuration."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
import warnings
from pathlib import Path
from typing import Any

from streams.errors import Misconfigured
from streams.models import measuring, network, served
from streams.models.network import require_torch
from streams.models.quantising import quantise

OPSET = 17
ENGINE = "openvino"
SIMPLIFIED = "simplified.txt"
BASE_VERSION = "1.0.0"
_RECIPE_FIELDS = (
    "freeze_embeddings",
    "epochs",
    "batch",
    "learning_rate",
    "label_smoothing",
    "seed",
    "dev_share",
    "exclude",
)
_DIMS_OF_INPUT = "data_type: TYPE_STRING dims: [ 1 ]"


def export(
    checkpoint: Path, task: str, repository: Path, version: int = 1, data: Path | None = None
) -> dict[str, Any]:
    """Write `repository/<task>/` from what `train` left in `checkpoint`; returns the metadata.

    With `data`, the folder of labelled files, the int8 model itself is calibrated and measured on the
    development split (a minute or two); without, it keeps the temperature that training found.

    Raises:
        Misconfigured: no finished checkpoint, one of another task, or no torch.
    """
    recipe = read_recipe(checkpoint, task)
    require_torch()
    folder = repository / task / str(version)
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(checkpoint / "tokenizer.json", folder / "tokenizer.json")
    shutil.copyfile(served.__file__, folder / "model.py")
    shutil.copyfile(Path(served.__file__).with_name(SIMPLIFIED), folder / SIMPLIFIED)
    with tempfile.TemporaryDirectory() as scratch:
        full = Path(scratch) / "full.onnx"
        to_onnx(checkpoint, recipe, full)
        quantise(full, folder / "model.onnx")
        metadata = describe(recipe, folder / "model.onnx")
        if data is not None:
            _write(folder, {**metadata, "calibration": _scaling(1.0, len(recipe["labels"]))})
            figures = measuring.measure(folder, full, recipe, data)
            temperature = figures["temperature"]
            metadata |= {"temperature": temperature, "dev": figures}
            metadata["calibration"] = _scaling(temperature, len(recipe["labels"]))
    _write(folder, metadata)
    (repository / task / "config.pbtxt").write_text(triton_config(task, metadata), "utf-8")
    return metadata


def read_recipe(checkpoint: Path, task: str) -> dict[str, Any]:
    """recipe.json of a finished checkpoint of this task."""
    if not (checkpoint / "recipe.json").is_file():
        raise Misconfigured(f"no finished checkpoint in {checkpoint}: run `sentiwatch model train` first")
    recipe: dict[str, Any] = json.loads((checkpoint / "recipe.json").read_text("utf-8"))
    if recipe["task"] != task:
        raise Misconfigured(f"{checkpoint} holds a {recipe['task']} model, not {task}")
    return recipe


def to_onnx(checkpoint: Path, recipe: dict[str, Any], target: Path) -> None:
    """The fp32 graph: input_ids, attention_mask int64 (batch, tokens) -> logits float (batch, labels)."""
    import torch

    # eager attention: the scripted exporter cannot trace the fused kernels' dynamic mask
    model = network.build(recipe["backbone"], len(recipe["labels"]), attention="eager")
    model.load_state_dict(torch.load(checkpoint / "weights.pt", map_location="cpu", weights_only=True))
    model.eval()
    ids = torch.tensor([[0, 5, 6, 7, 2], [0, 5, 6, 2, 1]])
    mask = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 1, 0]])
    axes = {0: "batch", 1: "tokens"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter's deprecation notice: the newer one lacks opset 17
        torch.onnx.export(
            model,
            (ids, mask),
            str(target),
            dynamo=False,
            opset_version=OPSET,
            input_names=["input_ids", "attention_mask"],
            output_names=["logits"],
            dynamic_axes={"input_ids": axes, "attention_mask": axes, "logits": {0: "batch"}},
        )


def triton_config(task: str, metadata: dict[str, Any], version: int | None = None) -> str:
    """The model's config.pbtxt.

    Dynamic batching without a delay: requests that wait while another is computed are computed together, in
    fuller batches. A client's request may hold up to `max_batch_size` texts. `version` pins the one that is
    served (`model promote`, `model rollback`); None: the newest.
    """
    names = ["TEXT", "TARGET"] if task == "sentiment" else ["TEXT"]
    inputs = ",\n".join(f'  {{ name: "{name}" {_DIMS_OF_INPUT} }}' for name in names)
    classes = len(metadata["labels"])
    parameters = {
        "labels": json.dumps(metadata["labels"]),
        "model_version": metadata["model_version"],
        "training_cutoff": metadata["training_cutoff"],
    }
    lines = [
        f"parameters {{ key: {json.dumps(key)} value: {{ string_value: {json.dumps(value)} }} }}"
        for key, value in parameters.items()
    ]
    return "\n".join(
        [
            f'name: "{task}"',
            'backend: "python"',
            "max_batch_size: 128",
            "dynamic_batching { }",
            *([f"version_policy: {{ specific {{ versions: [ {version} ] }} }}"] if version else []),
            f"input [\n{inputs}\n]",
            f'output [\n  {{ name: "PROBABILITIES" data_type: TYPE_FP32 dims: [ {classes} ] }}\n]',
            "instance_group [ { count: 1 kind: KIND_CPU } ]",
            *lines,
            "",
        ]
    )


def describe(recipe: dict[str, Any], onnx: Path) -> dict[str, Any]:
    """metadata.json: where the model comes from and how its logits become probabilities."""
    digest = hashlib.sha256(onnx.read_bytes()).hexdigest()
    return {
        "task": recipe["task"],
        "labels": recipe["labels"],
        "model_version": f"{recipe['task']}-{BASE_VERSION}-{digest[:8]}",
        "sha256": digest,
        "base_model": recipe["base_model"],
        "training_files": recipe["files"],
        "training_cutoff": recipe["training_cutoff"],
        "recipe": {name: recipe[name] for name in _RECIPE_FIELDS},
        "note": recipe.get("note", ""),
        "max_tokens": served.MAX_TOKENS,
        "engine": ENGINE,
        "temperature": round(recipe["temperature"], 4),
        "calibration": _scaling(recipe["temperature"], len(recipe["labels"])),
        "dev": {},
    }


def _scaling(temperature: float, labels: int) -> dict[str, list[float]]:
    return {"scale": [1 / temperature] * labels, "bias": [0.0] * labels}


def _write(folder: Path, metadata: dict[str, Any]) -> None:
    (folder / "metadata.json").write_text(json.dumps(metadata, ensure_ascii=False, indent=1) + "\n", "utf-8")
