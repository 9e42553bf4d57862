"""From checkpoints to a servable version directory: an expert a language, metadata, reports, Triton configuration."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from streams.errors import Misconfigured
from streams.models import backbone, measuring, network, recipes, served, vocabulary
from streams.models.network import require_torch
from streams.models.quantising import quantise

if TYPE_CHECKING:
    from collections.abc import Sequence

OPSET = 17
ENGINE = "openvino"
SIMPLIFIED = "simplified.txt"
RELEASE = "2.0.0"
ALLOWED_LOSS = 0.005  # macro-F1 on the whole development split, int8 against fp32
_DIMS_OF_INPUT = "data_type: TYPE_STRING dims: [ 1 ]"


def export(
    checkpoints: Sequence[Path], task: str, repository: Path, version: int, data: Path | None = None
) -> dict[str, Any]:
    """Write `repository/<task>/<version>/` from finished checkpoints, one a language; returns the metadata.

    With `data`, the folder of labelled files, vocabularies are cut to what texts use, and each expert is calibrated
    and measured as served, on its whole development split (a few minutes); without, it keeps the temperature that
    training found.

    Raises:
        Misconfigured: no finished checkpoint, one of another task, two of one language, or no torch; or int8 costs
            more than half a point of macro-F1.
    """
    records = [read_recipe(checkpoint, task) for checkpoint in checkpoints]
    names = [record.get("language") or "any" for record in records]
    if any(record.get("target", "segment") != "segment" for record in records):
        raise Misconfigured(
            "a model that wants its target marked in the text cannot be served: Triton's shows it as a segment"
        )
    if len(set(names)) < len(names):
        raise Misconfigured(f"two checkpoints for one language: {', '.join(names)}")
    require_torch()
    folder = repository / task / str(version)
    (folder / "reports").mkdir(parents=True, exist_ok=True)
    for source in (Path(served.__file__), Path(served.__file__).with_name(SIMPLIFIED)):
        shutil.copyfile(source, folder / ("model.py" if source.suffix == ".py" else source.name))
    experts = {
        name: _expert(checkpoint, recipe, folder, name, data)
        for checkpoint, recipe, name in sorted(
            zip(checkpoints, records, names, strict=True), key=lambda t: t[2]
        )
    }
    metadata = describe(task, experts, records)
    _write(folder, metadata)
    if data is not None:
        metadata["dev"] |= {"batch_invariant": measuring.is_batch_invariant(folder, records[0], data)}
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


def _expert(
    checkpoint: Path, recipe: dict[str, Any], folder: Path, name: str, data: Path | None
) -> dict[str, Any]:
    """Write one network's files and return its entry in metadata.json."""
    entry: dict[str, Any] = {
        "model": f"{name}.onnx",
        "tokenizer": f"{name}.tokenizer.json",
        "base_model": recipe["base_model"],
        "training_files": recipe["files"],
        "recipe": {
            name: recipe[name] for name in recipes.FIELDS if name in recipe and name not in {"task", "note"}
        },
        "note": recipe.get("note", ""),
        "seconds": recipe.get("seconds"),
        "texts": recipe.get("texts"),
        "calibration": recipe["calibration"],
        "dev": {},
    }
    with tempfile.TemporaryDirectory() as scratch:
        full = Path(scratch) / entry["model"]
        tokenizer, kept = _smaller(checkpoint / "tokenizer.json", recipe, data)
        text = json.dumps(tokenizer, ensure_ascii=False, separators=(",", ":"))
        for place in (folder, full.parent):
            (place / entry["tokenizer"]).write_text(text, "utf-8")
        to_onnx(checkpoint, recipe, full, kept)
        entry["rounding"] = "dithered" if recipe["base_model"].startswith(backbone.RELEASE) else "nearest"
        quantise(full, folder / entry["model"], dithered=entry["rounding"] == "dithered")
        if data is not None:
            found = measuring.measure(measuring.Exported(folder, full.parent, entry, ENGINE), recipe, data)
            if found.dev["int8_loss_macro_f1"] > ALLOWED_LOSS:
                raise Misconfigured(f"int8 costs {found.dev['int8_loss_macro_f1']} of macro-F1 ({name})")
            entry |= {"calibration": found.calibration, "dev": found.dev}
    entry["sha256"] = hashlib.sha256((folder / entry["model"]).read_bytes()).hexdigest()
    for report in ("history.json", "curves.png"):
        if (checkpoint / report).is_file():
            shutil.copyfile(checkpoint / report, folder / "reports" / f"{name}-{report}")
    return entry


def _smaller(
    tokenizer: Path, recipe: dict[str, Any], data: Path | None
) -> tuple[dict[str, Any], list[int] | None]:
    """(tokenizer.json, the rows of word vectors that stay, or None for all)."""
    whole: dict[str, Any] = json.loads(tokenizer.read_text("utf-8")) | {"padding": None, "truncation": None}
    if data is None or not recipe.get("language"):
        return whole, None
    return vocabulary.cut(whole, vocabulary.used_pieces(tokenizer, data, recipe["language"]))


def to_onnx(checkpoint: Path, recipe: dict[str, Any], target: Path, kept: list[int] | None = None) -> None:
    """The fp32 graph: input_ids, attention_mask int64 (batch, tokens) -> logits float (batch, labels)."""
    import torch

    # eager attention: the scripted exporter cannot trace the fused kernels' dynamic mask
    model = network.build(recipe["backbone"], len(recipe["labels"]), attention="eager")
    model.load_state_dict(torch.load(checkpoint / "weights.pt", map_location="cpu", weights_only=True))
    model.eval()
    if kept is not None:
        tables = model.encoder.embeddings
        words = tables.word_embeddings.weight.detach()[kept]
        tables.word_embeddings = torch.nn.Embedding.from_pretrained(words)
        places = tables.position_embeddings.weight.detach()[: served.MAX_TOKENS]
        tables.position_embeddings = torch.nn.Embedding.from_pretrained(places.clone())
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


def describe(
    task: str, experts: dict[str, dict[str, Any]], records: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    """metadata.json: where the experts come from and what they do."""
    digest = hashlib.sha256("".join(entry["sha256"] for entry in experts.values()).encode()).hexdigest()
    licences = {f["path"]: f["licence"] for entry in experts.values() for f in entry["training_files"]}
    return {
        "task": task,
        "labels": records[0]["labels"],
        "model_version": f"{task}-{RELEASE}-{digest[:8]}",
        "sha256": digest,
        "base_model": "; ".join(f"{name}: {entry['base_model']}" for name, entry in experts.items()),
        "training_files": [{"path": path, "licence": licence} for path, licence in licences.items()],
        "training_cutoff": max(record["training_cutoff"] for record in records),
        "note": " ".join(entry["note"] for entry in experts.values() if entry["note"]),
        "max_tokens": served.MAX_TOKENS,
        "engine": ENGINE,
        "experts": experts,
        "dev": _together(experts),
    }


def _together(experts: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The experts' development figures under the keys of a model of all languages."""
    measured = {name: entry["dev"] for name, entry in experts.items() if entry["dev"]}
    if not measured:
        return {}
    weights = [dev["int8"]["all"]["n"] for dev in measured.values()]
    same = np.average([dev["same_decision_as_fp32"] for dev in measured.values()], weights=weights)
    return {kind: {name: dev[kind]["all"] for name, dev in measured.items()} for kind in ("int8", "fp32")} | {
        "int8_by_file": {
            (f"{file}, {name}" if "/" in file and "own_sentences" in file else file): figures
            for name, dev in measured.items()
            for file, figures in dev["int8_by_file"].items()
            if file != "all"
        },
        "ece_cross_fitted": {name: dev["ece_cross_fitted"] for name, dev in measured.items()},
        "same_decision_as_fp32": round(float(same), 4),
    }


def _write(folder: Path, metadata: dict[str, Any]) -> None:
    (folder / "metadata.json").write_text(json.dumps(metadata, ensure_ascii=False, indent=1) + "\n", "utf-8")
