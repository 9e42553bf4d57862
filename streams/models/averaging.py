"""The mean of several runs' weights (a model soup, Wortsman et al. 2022): one model, as fast as each of them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from streams.errors import Misconfigured
from streams.models import checkpoints as finished
from streams.models import encoding, export, network, recipes, training

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def average(checkpoints: Sequence[Path], data: Path, out: Path) -> dict[str, Any]:
    """Write a finished checkpoint with the mean weights of `checkpoints`; returns its recipe.json.

    Raises:
        Misconfigured: fewer than two checkpoints, or not of one task, language and backbone.
    """
    network.require_torch()
    import torch

    if len(checkpoints) < 2:
        raise Misconfigured("an average needs two checkpoints or more")
    first = json.loads((checkpoints[0] / "recipe.json").read_text("utf-8"))
    records = [export.read_recipe(folder, first["task"]) for folder in checkpoints]
    if len({(r["language"], r["backbone"]) for r in records}) > 1:
        raise Misconfigured("these checkpoints differ in language or backbone: their mean means nothing")
    states = [torch.load(c / "weights.pt", map_location="cpu", weights_only=True) for c in checkpoints]
    model = network.build(first["backbone"], len(first["labels"]))
    model.load_state_dict(finished.mean_of(states))
    recipe = recipes.of_record(first, note=_note(records))
    _, dev = training.sides(recipe, data)
    tokenizer = encoding.tokenizer(checkpoints[0], recipe.max_tokens)
    logits = encoding.predict(
        model, encoding.token_ids(tokenizer, [(e.text, e.target) for e in dev], recipe.target)
    )
    spent = {name: sum(r[name] for r in records) for name in ("seconds", "texts")}
    record = finished.describe(recipe, first["backbone"], spent, logits, dev)
    out.mkdir(parents=True, exist_ok=True)
    finished.write(out, model.state_dict(), checkpoints[0] / "tokenizer.json", record)
    return record


def _note(records: Sequence[dict[str, Any]]) -> str:
    runs = " and ".join(f"{r['name']} (seed {r['seed']})" for r in records)
    return f"Mean of the weights of {len(records)} runs: {runs}."
