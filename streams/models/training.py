"""Fine-tuning: bf16 autocast, batches of like length, warm-up and linear decay, one checkpoint an epoch.

What an epoch sees (order, hidden targets) follows from (seed, epoch) alone, so a resumed run sees what an
unbroken one would have seen.
"""

from __future__ import annotations

import json
import logging
import random
import shutil
import sys
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from streams.models import calibration, datasets, network, served
from streams.models.measuring import by_group
from streams.models.recipes import LABELS, TRAINING_CUTOFF, batches_of_like_length, hide_targets
from streams.models.splitting import split

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from streams.models.datasets import Example
    from streams.models.recipes import Recipe

log = logging.getLogger(__name__)
_LOG_EVERY = 50


def train(
    recipe: Recipe, data: Path, backbone: Path, out: Path, *, resume: bool = False, threads: int = 0
) -> dict[str, Any]:
    """Fine-tune and leave weights.pt, tokenizer.json and recipe.json (with dev figures) in `out`."""
    network.require_torch()
    out.mkdir(parents=True, exist_ok=True)
    examples, dev = split(datasets.load(recipe.task, data, recipe.exclude), recipe.dev_share)
    log.info("%s: %d training, %d development examples", recipe.task, len(examples), len(dev))
    run = _Run(recipe, backbone, out, threads)
    for epoch in range(run.restore() if resume else 0, recipe.epochs):
        run.epoch(examples, epoch)
        run.save(epoch + 1)
        log.info("epoch %d of %d: dev %s", epoch + 1, recipe.epochs, run.figures(dev)[0])
    return run.finish(dev, datasets.used_sources(recipe.task, recipe.exclude))


class _Run:
    """One training run's model, optimiser and files."""

    def __init__(self, recipe: Recipe, backbone: Path, out: Path, threads: int) -> None:
        import torch

        if threads:
            torch.set_num_threads(threads)
        torch.manual_seed(recipe.seed)
        self.recipe, self.backbone, self.out, self.labels = recipe, backbone, out, LABELS[recipe.task]
        self.model = network.build(backbone, len(self.labels))
        self.tokenizer = _tokenizer(backbone, recipe.max_tokens)
        # most of the 36,872 rows are hardly met here: frozen, they keep what pre-training knew
        self.model.encoder.embeddings.word_embeddings.weight.requires_grad = not recipe.freeze_embeddings
        body = [p for p in self.model.encoder.parameters() if p.requires_grad]
        head = self.model.head.parameters()
        groups = [
            {"params": body, "lr": recipe.learning_rate},
            {"params": list(head), "lr": recipe.learning_rate * recipe.head_factor},
        ]
        self.optimiser = torch.optim.AdamW(groups, weight_decay=recipe.weight_decay, fused=True)
        self.rates = [float(group["lr"]) for group in groups]  # type: ignore[arg-type]

    def epoch(self, examples: Sequence[Example], epoch: int) -> None:
        """One pass over all examples."""
        import torch

        torch.manual_seed(self.recipe.seed * 1_000 + epoch)
        encodings = self._encode(hide_targets(examples, self.recipe.seed, epoch))
        order = random.Random(f"{self.recipe.seed}:{epoch}:order")  # noqa: S311
        batches = batches_of_like_length([len(e) for e in encodings], self.recipe.batch, order)
        self.model.train()
        for step, batch in enumerate(_progress(batches, f"epoch {epoch + 1}")):
            self._set_rate((epoch + step / len(batches)) / self.recipe.epochs)
            truth = torch.tensor([examples[i].label for i in batch])
            loss = torch.nn.functional.cross_entropy(
                self._logits([encodings[i] for i in batch]),
                truth,
                label_smoothing=self.recipe.label_smoothing,
            )
            loss.backward()
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
            self.optimiser.step()
            self.optimiser.zero_grad()

    def figures(self, dev: Sequence[Example]) -> tuple[dict[str, Any], NDArray[np.float64]]:
        """(accuracy and macro-F1 by source file, logits of shape (examples, labels))."""
        logits = self._predict([(e.text, e.target) for e in dev])
        return by_group(logits, dev, self.labels, lambda e: e.origin), logits

    def save(self, epochs_done: int) -> None:
        """Checkpoint, replaced atomically: an interruption costs one epoch at most."""
        import torch

        state = {
            "epoch": epochs_done,
            "model": self.model.state_dict(),
            "optimiser": self.optimiser.state_dict(),
        }
        torch.save(state, self.out / "state.tmp")
        (self.out / "state.tmp").replace(self.out / "state.pt")

    def restore(self) -> int:
        """Epochs already done (0 without a checkpoint)."""
        import torch

        if not (self.out / "state.pt").is_file():
            return 0
        state = torch.load(self.out / "state.pt", weights_only=True)
        self.model.load_state_dict(state["model"])
        self.optimiser.load_state_dict(state["optimiser"])
        return int(state["epoch"])

    def finish(self, dev: Sequence[Example], sources: Sequence[datasets.Source]) -> dict[str, Any]:
        """Fit the temperature, write the final files, return what recipe.json holds."""
        import torch

        _, logits = self.figures(dev)
        temperature = calibration.fit_temperature(logits, np.array([e.label for e in dev]))
        count = len(self.labels)
        record = {
            **asdict(self.recipe),
            "labels": list(self.labels),
            "backbone": str(self.backbone),
            "base_model": f"{self.backbone.name} (intfloat/multilingual-e5-small, MIT, vocabulary cut)",
            "files": [{"path": s.path, "licence": s.licence} for s in sources]
            + [{"path": datasets.OWN, "licence": "this project's"}],
            "training_cutoff": TRAINING_CUTOFF,
            "temperature": temperature,
            "calibration": {"scale": [1 / temperature] * count, "bias": [0.0] * count},
            "dev": by_group(logits / temperature, dev, self.labels, lambda e: e.language),
            "dev_by_file": by_group(logits / temperature, dev, self.labels, lambda e: e.origin),
        }
        torch.save(self.model.state_dict(), self.out / "weights.pt")
        shutil.copyfile(self.backbone / "tokenizer.json", self.out / "tokenizer.json")
        (self.out / "recipe.json").write_text(json.dumps(record, ensure_ascii=False, indent=1), "utf-8")
        log.info("done: temperature %.3f, dev %s", temperature, record["dev"])
        return record

    def _encode(self, pairs: Sequence[tuple[str, str]]) -> list[list[int]]:
        cleaned = [served.pair(*item) for item in pairs]
        encodings = self.tokenizer.encode_batch([item if item[1] else item[0] for item in cleaned])
        return [encoding.ids for encoding in encodings]

    def _logits(self, ids: Sequence[list[int]]) -> Any:
        import torch

        width = max(len(row) for row in ids)
        padding = self.model.encoder.config.pad_token_id
        tokens = torch.tensor([row + [padding] * (width - len(row)) for row in ids])
        mask = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in ids])
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return self.model(tokens, mask).float()

    def _predict(self, pairs: Sequence[tuple[str, str]]) -> NDArray[np.float64]:
        import torch

        encodings = self._encode(pairs)
        order = sorted(range(len(encodings)), key=lambda i: len(encodings[i]))
        logits = np.zeros((len(encodings), len(self.labels)))
        self.model.eval()
        with torch.inference_mode():
            for start in range(0, len(order), self.recipe.batch):
                batch = order[start : start + self.recipe.batch]
                logits[batch] = self._logits([encodings[i] for i in batch]).numpy()
        return logits

    def _set_rate(self, done: float) -> None:
        """Linear warm-up, then linear decay to zero; `done` is the share of the run in [0, 1)."""
        warm_up = self.recipe.warm_up
        factor = done / warm_up if done < warm_up else (1 - done) / (1 - warm_up)
        for group, rate in zip(self.optimiser.param_groups, self.rates, strict=True):
            group["lr"] = rate * factor


def load_checkpoint(
    folder: Path, recipe: dict[str, Any]
) -> Callable[[Sequence[tuple[str, str]]], NDArray[np.float64]]:
    """A finished checkpoint as a function from (text, target) pairs to calibrated probabilities, fp32."""
    network.require_torch()
    import torch

    model = network.build(recipe["backbone"], len(recipe["labels"]))
    model.load_state_dict(torch.load(folder / "weights.pt", map_location="cpu", weights_only=True))
    model.eval()
    tokenizer = _tokenizer(folder, recipe["max_tokens"])
    scale = np.array(recipe["calibration"]["scale"])

    def one(item: tuple[str, str]) -> NDArray[np.float64]:
        text, target = served.pair(*item)
        ids = torch.tensor([(tokenizer.encode(text, target) if target else tokenizer.encode(text)).ids])
        with torch.inference_mode():
            return np.asarray(model(ids, torch.ones_like(ids)).double().numpy() * scale)

    return lambda pairs: calibration.softmax(np.concatenate([one(item) for item in pairs]))


def _tokenizer(backbone: Path, max_tokens: int) -> Any:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(backbone / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(max_tokens, strategy="only_first")
    return tokenizer


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
