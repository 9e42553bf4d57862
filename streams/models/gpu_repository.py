"""A model repository for NVIDIA's Triton container on GPUs, from a version directory: the same weights, the same contract.

Per task an outer Python-backend model on the CPU (text in, probabilities out) and, per expert and length bucket, an engine
model: ONNX Runtime with the TensorRT provider in fp16. Each bucket is a model of its own, because its width is then fixed: one
explicit TensorRT profile, no rebuild at a new length, and a warm-up at the smallest and the largest batch.
The weights are the released int8 ones written as floats, unless a folder with the full fp32 graphs is given.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

from streams.errors import Misconfigured
from streams.models import served
from streams.models.export import triton_config
from streams.models.quantising import restore

WIDTHS = (32, 64, 128)
MAX_BATCH = 64
USUAL_BATCH = 16
INSTANCES = 2
OUTER_INSTANCES = 4
QUEUE_US = 2_000
CACHE = "/cache/tensorrt"
WORKSPACE = 2 << 30
ENGINE_TASKS = ("sentiment", "topic")


def write(version: Path, out: Path, full: Path | None = None) -> list[str]:
    """Write the repository of one task into `out`; returns the names of its models.

    Raises:
        Misconfigured: the version holds no restorable int8 weights.
    """
    metadata: dict[str, Any] = json.loads((version / "metadata.json").read_text("utf-8"))
    task = metadata["task"]
    entries = metadata.get("experts") or {
        "any": {"model": "model.onnx", "tokenizer": "tokenizer.json"} | metadata
    }
    names = [task]
    for entry in entries.values():
        expert = Path(entry["model"]).stem
        first = out / f"{task}_{expert}_{WIDTHS[0]}" / "1" / "model.onnx"
        first.parent.mkdir(parents=True, exist_ok=True)
        _floats(version / entry["model"], first, full)
        for width in WIDTHS:
            name = f"{task}_{expert}_{width}"
            folder = out / name
            (folder / "1").mkdir(parents=True, exist_ok=True)
            if width != WIDTHS[0]:
                _link(first, folder / "1" / "model.onnx")
            config = engine_config(name, width, len(metadata["labels"]))
            (folder / "config.pbtxt").write_text(config, "utf-8")
            names.append(name)
    _outer(version, out / task, metadata, entries)
    return names


def engine_config(name: str, width: int, labels: int) -> str:
    """config.pbtxt of one bucket: KIND_GPU, TensorRT with an explicit profile, dynamic batching, warm-up."""
    profiles = {
        bound: ",".join(f"{tensor}:{batch}x{width}" for tensor in ("input_ids", "attention_mask"))
        for bound, batch in (("min", 1), ("opt", USUAL_BATCH), ("max", MAX_BATCH))
    }
    options = {
        "precision_mode": "FP16",
        "max_workspace_size_bytes": str(WORKSPACE),
        "trt_engine_cache_enable": "true",
        "trt_engine_cache_path": f"{CACHE}/{name}",
        **{f"trt_profile_{bound}_shapes": shapes for bound, shapes in profiles.items()},
    }
    parameters = "\n".join(
        f"        parameters {{ key: {json.dumps(k)} value: {json.dumps(v)} }}" for k, v in options.items()
    )
    warm_ups = "\n".join(_warm_up(width, batch) for batch in (1, MAX_BATCH))
    return f"""name: "{name}"
backend: "onnxruntime"
max_batch_size: {MAX_BATCH}
input [
  {{ name: "input_ids" data_type: TYPE_INT64 dims: [ {width} ] }},
  {{ name: "attention_mask" data_type: TYPE_INT64 dims: [ {width} ] }}
]
output [ {{ name: "logits" data_type: TYPE_FP32 dims: [ {labels} ] }} ]
instance_group [ {{ count: {INSTANCES} kind: KIND_GPU }} ]
dynamic_batching {{ preferred_batch_size: [ {USUAL_BATCH}, {MAX_BATCH} ] max_queue_delay_microseconds: {QUEUE_US} }}
optimization {{
  execution_accelerators {{
    gpu_execution_accelerator [
      {{
        name: "tensorrt"
{parameters}
      }}
    ]
  }}
}}
parameters {{ key: "arena_extend_strategy" value: {{ string_value: "1" }} }} # kSameAsRequested
{warm_ups}
"""


def _warm_up(width: int, batch: int) -> str:
    inputs = "\n".join(
        f'  inputs {{ key: "{name}" value: {{ data_type: TYPE_INT64 dims: [ {width} ] {fill}: true }} }}'
        for name, fill in (("input_ids", "zero_data"), ("attention_mask", "random_data"))
    )
    return f'model_warmup {{\n  name: "batch of {batch}"\n  batch_size: {batch}\n{inputs}\n}}'


def _floats(quantised: Path, target: Path, full: Path | None) -> None:
    given = full / quantised.name if full is not None else None
    if given is not None and given.is_file():
        shutil.copyfile(given, target)
    elif restore(quantised, target) == 0:
        raise Misconfigured(
            f"{quantised} holds no weight-only int8 (an older export): give the fp32 graphs with --full"
        )


def _outer(version: Path, folder: Path, metadata: dict[str, Any], entries: dict[str, Any]) -> None:
    place = folder / "1"
    place.mkdir(parents=True, exist_ok=True)
    package = Path(served.__file__).parent
    shutil.copyfile(package / "served_gpu.py", place / "model.py")
    shutil.copyfile(served.__file__, place / "served.py")
    for name in ("simplified.txt", *(entry["tokenizer"] for entry in entries.values())):
        if (version / name).is_file():
            shutil.copyfile(version / name, place / name)
    text = json.dumps({**metadata, "engine": "triton"}, ensure_ascii=False, indent=1)
    (place / "metadata.json").write_text(text + "\n", "utf-8")
    config = triton_config(metadata["task"], metadata).replace("count: 1", f"count: {OUTER_INSTANCES}")
    # answers of the engines come back in CPU memory, where they are read
    config += 'parameters { key: "FORCE_CPU_ONLY_INPUT_TENSORS" value: { string_value: "yes" } }\n'
    (folder / "config.pbtxt").write_text(config, "utf-8")


def _link(source: Path, target: Path) -> None:
    target.unlink(missing_ok=True)
    try:
        os.link(source, target)
    except OSError:  # another file system
        shutil.copyfile(source, target)
