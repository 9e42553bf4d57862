"""Fine-tuning: bf16 autocast, batches of like length, warm-up and linear decay, one checkpoint an epoch.

What an epoch sees (order, hidden targets) follows from (seed, epoch) alone, so a resumed run sees what an
unbroken one would have seen.
"""

from __future__ import annotations

import json
import logging
import random
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from streams.models import (
    calibration,
    checkpoints,
    datasets,
    encoding,
    lora,
    network,
    objectives,
    run_report,
)
from streams.models.measuring import by_group
from streams.models.recipes import LABELS, batches_of_like_length, drawn, hide_targets
from streams.models.splitting import falls_in, split

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from streams.models.datasets import Example
    from streams.models.recipes import Recipe

log = logging.getLogger(__name__)
_LOG_EVERY = 50


def train(
    recipe: Recipe, data: Path, backbone: Path, out: Path, *, resume: bool = False, threads: int = 0
) -> dict[str, Any]:
    """Fine-tune and leave weights.pt, tokenizer.json, history.json and recipe.json (with dev figures) in `out`."""
    network.require_torch()
    out.mkdir(parents=True, exist_ok=True)
    examples, dev = sides(recipe, data)
    log.info("%s: %d training, %d development examples", recipe.name, len(examples), len(dev))
    run = _Run(recipe, backbone, out, threads)
    for epoch in range(run.restore() if resume else 0, recipe.epochs):
        run.epoch(examples, epoch)
        figures, _ = run.figures(dev)
        run.history["epochs"].append({"epoch": epoch + 1, "dev": figures})
        run.save(epoch + 1)
        log.info("epoch %d of %d: dev %s", epoch + 1, recipe.epochs, figures)
    return run.finish(dev)


def sides(recipe: Recipe, data: Path) -> tuple[list[Example], list[Example]]:
    """(training, development) examples of a recipe; the split is made over all files before any thinning."""
    known = datasets.load(recipe.task, data, recipe.exclude)
    examples, dev = (
        [e for e in side if recipe.language in {"", e.language}] for side in split(known, recipe.dev_share)
    )
    examples = [e for e in examples if falls_in(f"part:{e.key or e.text}", recipe.train_share)]
    return datasets.thinned(examples, recipe.task, recipe.keep), dev


class _Run:
    """One training run's model, optimiser and files."""

    def __init__(self, recipe: Recipe, backbone: Path, out: Path, threads: int) -> None:
        import torch

        if threads:
            torch.set_num_threads(threads)
        torch.manual_seed(recipe.seed)
        self.recipe, self.backbone, self.out, self.labels = recipe, backbone, out, LABELS[recipe.task]
        self.model = network.build(
            backbone, len(self.labels), dropout=recipe.dropout, attention_dropout=recipe.attention_dropout
        )
        self.tokenizer = encoding.tokenizer(backbone, recipe.max_tokens)
        self.embeddings = self.model.encoder.embeddings.word_embeddings.weight
        # most rows are hardly met here: frozen, they keep what pre-training knew
        self.embeddings.requires_grad = not recipe.freeze_embeddings
        if recipe.lora_rank:
            lora.adapt(self.model, recipe.lora_rank)
        groups = network.parameter_groups(
            self.model, recipe.learning_rate, recipe.head_factor, recipe.layer_decay
        )
        self.optimiser = torch.optim.AdamW(groups, weight_decay=recipe.weight_decay, fused=True)
        self.rates = [float(group["lr"]) for group in groups]
        self.history: dict[str, Any] = {"seconds": 0.0, "texts": 0, "steps": [], "epochs": []}
        self.kept: list[dict[str, Any]] = []  # the weights after each of the last epochs, for their mean

    def epoch(self, examples: Sequence[Example], epoch: int) -> None:
        """One pass over all examples."""
        import torch

        recipe, began = self.recipe, time.monotonic()
        torch.manual_seed(recipe.seed * 1_000 + epoch)
        order = random.Random(f"{recipe.seed}:{epoch}:order")  # noqa: S311
        pairs = hide_targets(self._hideable(examples), recipe.seed, epoch)
        chosen = drawn(examples, recipe.balance, order)
        ids = encoding.token_ids(self.tokenizer, pairs, recipe.target)
        taught = self._taught(pairs)
        batches = batches_of_like_length([len(ids[i]) for i in chosen], recipe.batch, order)
        self.model.train()
        losses: list[float] = []
        for step, places in enumerate(_progress(batches, f"epoch {epoch + 1}")):
            batch = [chosen[i] for i in places]
            self._set_rate((epoch + step / len(batches)) / recipe.epochs)
            truth = torch.tensor([examples[i].label for i in batch])
            rows = [ids[i] for i in batch]
            losses.append(
                objectives.backward(
                    recipe,
                    lambda rows=rows: encoding.logits_of(self.model, rows),  # type: ignore[misc]
                    self.embeddings,
                    truth,
                    None if taught is None else torch.tensor(taught[batch], dtype=torch.float32),
                )
            )
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
            self.optimiser.step()
            self.optimiser.zero_grad()
            if len(losses) == _LOG_EVERY or step + 1 == len(batches):
                place = epoch + (step + 1) / len(batches)
                self.history["steps"].append({"epoch": round(place, 4), "loss": float(np.mean(losses))})
                losses.clear()
        self.history["seconds"] += time.monotonic() - began
        self.history["texts"] += len(chosen)
        self.kept.append({k: v.clone() for k, v in self.model.state_dict().items()})
        del self.kept[: -recipe.average_last]

    def figures(self, dev: Sequence[Example]) -> tuple[dict[str, Any], NDArray[np.float64]]:
        """(accuracy and macro-F1 by source file, logits of shape (examples, labels))."""
        ids = encoding.token_ids(self.tokenizer, [(e.text, e.target) for e in dev], self.recipe.target)
        logits = encoding.predict(self.model, ids)
        return by_group(logits, dev, self.labels, lambda e: e.origin), logits

    def save(self, epochs_done: int) -> None:
        """Checkpoint, replaced atomically: an interruption costs one epoch at most."""
        import torch

        state = {
            "epoch": epochs_done,
            "model": self.model.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "kept": self.kept,
            "history": self.history,
        }
        torch.save(state, self.out / "state.tmp")
        (self.out / "state.tmp").replace(self.out / "state.pt")
        (self.out / "history.json").write_text(json.dumps(self.history, indent=1), "utf-8")

    def restore(self) -> int:
        """Epochs already done (0 without a checkpoint)."""
        import torch

        if not (self.out / "state.pt").is_file():
            return 0
        state = torch.load(self.out / "state.pt", weights_only=True)
        self.model.load_state_dict(state["model"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.kept, self.history = state["kept"], state["history"]
        return int(state["epoch"])

    def finish(self, dev: Sequence[Example]) -> dict[str, Any]:
        """Average, fit the temperature, write the final files, return what recipe.json holds."""
        if len(self.kept) > 1:
            self.model.load_state_dict(checkpoints.mean_of(self.kept))
        lora.merge(self.model)
        _, logits = self.figures(dev)
        record = checkpoints.describe(self.recipe, self.backbone, self.history, logits, dev)
        checkpoints.write(self.out, self.model.state_dict(), self.backbone / "tokenizer.json", record)
        run_report.draw(self.history, self.recipe.name, self.out / "curves.png")
        return record

    def _hideable(self, examples: Sequence[Example]) -> Sequence[Example]:
        """The examples with the chances that this recipe gives them."""
        if not self.recipe.target_dropout:
            return [replace(e, target_dropout=0.0) for e in examples]
        own = self.recipe.own_dropout
        return [replace(e, target_dropout=own) if e.origin == datasets.OWN else e for e in examples]

    def _taught(self, pairs: Sequence[tuple[str, str]]) -> NDArray[np.float64] | None:
        """Mean probabilities of the teachers, shape (texts, labels)."""
        found = []
        for folder in map(Path, self.recipe.teachers):
            recipe = json.loads((folder / "recipe.json").read_text("utf-8"))
            model = checkpoints.load_network(folder, recipe)
            ids = encoding.token_ids(
                encoding.tokenizer(folder, recipe["max_tokens"]), pairs, recipe["target"]
            )
            found.append(calibration.softmax(encoding.predict(model, ids)))
        return np.mean(found, axis=0) if found else None

    def _set_rate(self, done: float) -> None:
        """Linear warm-up, then linear decay to zero; `done` is the share of the run in [0, 1)."""
        warm_up = self.recipe.warm_up
        factor = done / warm_up if done < warm_up else (1 - done) / (1 - warm_up)
        for group, rate in zip(self.optimiser.param_groups, self.rates, strict=True):
            group["lr"] = rate * factor


def _progress(batches: list[list[int]], name: str) -> Iterator[list[int]]:
    """A bar on a terminal, log lines elsewhere."""
    if sys.stderr.isatty():
        from tqdm import tqdm

        yield from tqdm(batches, desc=name, unit="batch")
        return
    started, texts = time.monotonic(), 0
    for number, batch in enumerate(batches, start=1):
        yield batch
        texts += len(batch)
        if number % _LOG_EVERY == 0 or number == len(batches):
            rate = texts / (time.monotonic() - started)
            log.info("%s: batch %d of %d, %.0f texts/s", name, number, len(batches), rate)
