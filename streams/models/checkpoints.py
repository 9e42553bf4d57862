"""Finished checkpoints: what they hold, how they are written and read."""

from __future__ import annotations

import json
import logging
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from streams.models import calibration, datasets, encoding, network
from streams.models.measuring import by_group
from streams.models.recipes import LABELS, TRAINING_CUTOFF

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from streams.models.datasets import Example
    from streams.models.recipes import Recipe

log = logging.getLogger(__name__)


def describe(
    recipe: Recipe,
    backbone: Path | str,
    history: dict[str, Any],
    logits: NDArray[np.float64],
    dev: Sequence[Example],
) -> dict[str, Any]:
    """What recipe.json holds: the recipe, where the weights come from, and what they do."""
    temperature = calibration.fit_temperature(logits, np.array([e.label for e in dev]))
    labels, scaled = LABELS[recipe.task], logits / temperature
    return {
        **asdict(recipe),
        "labels": list(labels),
        "backbone": str(Path(backbone).resolve()),
        "base_model": _origin(Path(backbone)),
        "files": [
            {"path": s.path, "licence": s.licence}
            for s in datasets.used_sources(recipe.task, recipe.exclude, recipe.language)
        ]
        + [
            {"path": datasets.OWN, "licence": "this project's"}
            for _ in range(datasets.WITHOUT_OWN not in recipe.exclude)
        ],
        "training_cutoff": TRAINING_CUTOFF,
        "seconds": round(history["seconds"]),
        "texts": history["texts"],
        "temperature": temperature,
        "calibration": {"scale": [1 / temperature] * len(labels), "bias": [0.0] * len(labels)},
        "dev": by_group(scaled, dev, labels, lambda e: e.language),
        "dev_by_file": by_group(scaled, dev, labels, lambda e: e.origin),
    }


def write(out: Path, weights: dict[str, Any], tokenizer: Path, record: dict[str, Any]) -> None:
    """The files of a finished checkpoint."""
    import torch

    torch.save(weights, out / "weights.pt")
    shutil.copyfile(tokenizer, out / "tokenizer.json")
    (out / "recipe.json").write_text(json.dumps(record, ensure_ascii=False, indent=1), "utf-8")
    log.info("done: temperature %.3f, dev %s", record["temperature"], record["dev_by_file"])


def mean_of(states: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The mean of several models' weights, name by name."""
    import torch

    return {
        name: torch.stack([state[name].float() for state in states]).mean(0)
        if first.is_floating_point()
        else first
        for name, first in states[0].items()
    }


def load_network(folder: Path, recipe: dict[str, Any]) -> Any:
    """The network of a finished checkpoint."""
    import torch

    model = network.build(recipe["backbone"], len(recipe["labels"]))
    model.load_state_dict(torch.load(folder / "weights.pt", map_location="cpu", weights_only=True))
    model.eval()
    return model


def load_checkpoint(
    folder: Path, recipe: dict[str, Any]
) -> Callable[[Sequence[tuple[str, str]]], NDArray[np.float64]]:
    """A finished checkpoint as a function from (text, target) pairs to calibrated probabilities, fp32."""
    network.require_torch()
    import torch

    model = load_network(folder, recipe)
    loaded = encoding.tokenizer(folder, recipe["max_tokens"])
    scale = np.array(recipe["calibration"]["scale"])

    def one(item: tuple[str, str]) -> NDArray[np.float64]:
        ids = torch.tensor(encoding.token_ids(loaded, [item], recipe.get("target", "segment")))
        with torch.inference_mode():
            return np.asarray(model(ids, torch.ones_like(ids)).double().numpy() * scale)

    return lambda pairs: calibration.softmax(np.concatenate([one(item) for item in pairs]))


def _origin(backbone: Path) -> str:
    config = json.loads((backbone / "config.json").read_text("utf-8"))
    known = {"me5-small-zh-en": "me5-small-zh-en (intfloat/multilingual-e5-small, MIT, vocabulary cut)"}
    return str(config.get("origin") or known.get(backbone.name, backbone.name))
