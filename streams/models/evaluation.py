"""A labelled CSV against a model: the same figures whichever way the model is reached."""

from __future__ import annotations

import csv
import json
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from streams.domain.label import slug_of_label
from streams.domain.text import normalise
from streams.errors import Misconfigured
from streams.models import TRAIN_EXTRA, metrics
from streams.models.intervals import confusion, intervals
from streams.models.slices import slices_of
from streams.models.topics_zh import topic_of_flash

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray


class Model(Protocol):
    """Anything that scores (text, target) pairs."""

    labels: tuple[str, ...]
    version: str

    def score(self, pairs: Sequence[tuple[str, str]]) -> NDArray[np.float64]:
        """Probabilities of shape (pairs, labels)."""
        ...


@dataclass(frozen=True, slots=True)
class Columns:
    """Where a CSV keeps what; `target` None = judge the whole text."""

    text: str = "text"
    label: str = "label"
    target: str | None = None


@dataclass(frozen=True, slots=True)
class Labelled:
    """Pairs with the index of their true label among the model's labels, and the rows they came in."""

    pairs: list[tuple[str, str]]
    truth: NDArray[np.int64]
    rows: list[dict[str, str]] = field(default_factory=list)


def read(path: Path, columns: Columns, labels: Sequence[str], language: str | None = None) -> Labelled:
    """The rows of a UTF-8 CSV with a header, texts normalised as the worker does.

    A `.json` file holds flashes as [text, space-separated labels], mapped onto one of the 20 topics
    (`streams.models.topics_zh`); those that no rule knows are left out.
    `language` keeps the rows whose `language` column agrees; a file without that column is all in it.

    Raises:
        Misconfigured: no such file or column, an unknown label (the line is named), or no row left.
    """
    index = {slug_of_label(label): number for number, label in enumerate(labels)}
    pairs, truth, rows = [], [], []
    for line, row in _rows(path, columns):
        if language and row.get("language", language) != language:
            continue
        label = slug_of_label(row[columns.label] or "")
        if label not in index:
            raise Misconfigured(f"{path}:{line}: label {row[columns.label]!r} is none of {', '.join(labels)}")
        target = row[columns.target] or "" if columns.target else ""
        pairs.append((normalise(row[columns.text] or ""), normalise(target)))
        truth.append(index[label])
        rows.append(row)
    if not pairs:
        raise Misconfigured(f"{path}: no labelled row to evaluate")
    return Labelled(pairs, np.array(truth, dtype=np.int64), rows)


def read_texts(path: Path, column: str) -> list[str]:
    """The texts of a CSV or of a `.json` of flashes, in the file's order.

    Raises:
        Misconfigured: no such file or column.
    """
    return [row[column] or "" for _, row in _rows(path, Columns(text=column, label=column))]


def evaluate(model: Model, labelled: Labelled) -> dict[str, Any]:
    """Score everything once and report; `texts_per_second` covers the scoring alone.

    Beside the figures: the confusion matrix (true label → predicted label → count), bootstrap 95 % intervals,
    and n, accuracy, macro_f1 and ece of each slice.
    """
    started = time.perf_counter()
    probabilities = model.score(labelled.pairs)
    seconds = time.perf_counter() - started
    figures = figures_of(labelled, probabilities, model.labels)
    return {
        **figures,
        "texts_per_second": round(len(labelled.pairs) / seconds, 1),
        "model_version": model.version,
        "confusion": _named_confusion(labelled, probabilities, model.labels),
        "slices": _slices(labelled, probabilities, model.labels),
    }


def figures_of(
    labelled: Labelled, probabilities: NDArray[np.float64], labels: Sequence[str]
) -> dict[str, Any]:
    """The report of these answers with its intervals."""
    report = metrics.report(labelled.truth, probabilities, labels).as_dict()
    return {**report, "intervals": intervals(labelled.truth, probabilities)}


def _named_confusion(
    labelled: Labelled, probabilities: NDArray[np.float64], labels: Sequence[str]
) -> dict[str, dict[str, int]]:
    matrix = confusion(labelled.truth, probabilities.argmax(axis=1), len(labels)).tolist()
    return {name: dict(zip(labels, row, strict=True)) for name, row in zip(labels, matrix, strict=True)}


def _slices(
    labelled: Labelled, probabilities: NDArray[np.float64], labels: Sequence[str]
) -> dict[str, dict[str, Any]]:
    rows = labelled.rows or [{} for _ in labelled.pairs]
    found = {}
    for name, places in slices_of(rows, labelled.pairs).items():
        full = metrics.report(labelled.truth[places], probabilities[places], labels).as_dict()
        found[name] = {key: full[key] for key in ("n", "accuracy", "macro_f1", "ece")}
    return found


class OnnxModel:
    """The exported model in this process, as Triton would run it (needs onnxruntime and tokenizers)."""

    def __init__(self, folder: Path, threads: int | None = None) -> None:
        from streams.models.served import Scorer

        if not (folder / "metadata.json").is_file():
            raise Misconfigured(f"no exported model in {folder}: run `sentiwatch model export` first")
        try:
            self._scorer = Scorer(folder, threads)
        except ImportError as error:
            raise Misconfigured(f"--through onnx needs onnxruntime: {TRAIN_EXTRA}") from error
        self.labels = tuple(self._scorer.metadata["labels"])
        self.version = str(self._scorer.metadata["model_version"])

    def score(self, pairs: Sequence[tuple[str, str]]) -> NDArray[np.float64]:
        """Probabilities of shape (pairs, labels)."""
        return self._scorer.many(pairs).astype(np.float64)


class CheckpointModel:
    """The fine-tuned weights before export, fp32 (needs torch)."""

    def __init__(self, folder: Path) -> None:
        from streams.models.checkpoints import load_checkpoint

        if not (folder / "recipe.json").is_file():
            raise Misconfigured(f"no finished checkpoint in {folder}: run `sentiwatch model train` first")
        recipe = json.loads((folder / "recipe.json").read_text("utf-8"))
        self._predict = load_checkpoint(folder, recipe)
        self.labels = tuple(recipe["labels"])
        self.version = f"checkpoint:{folder.name}"

    def score(self, pairs: Sequence[tuple[str, str]]) -> NDArray[np.float64]:
        """Probabilities of shape (pairs, labels)."""
        return self._predict(pairs)


def _rows(path: Path, columns: Columns) -> list[tuple[int, dict[str, str]]]:
    if path.suffix == ".json":
        return _flashes(path, columns)
    try:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            reader = csv.DictReader(lines)
            named = list(reader.fieldnames or ())
            rows = [(reader.line_num, row) for row in reader]
    except OSError as error:
        raise Misconfigured(f"cannot read {path}: {error.strerror}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise Misconfigured(f"{path} is not a UTF-8 CSV: {error}") from error
    wanted = [name for name in (columns.text, columns.label, columns.target) if name]
    missing = [name for name in wanted if name not in named]
    if missing:
        raise Misconfigured(f"{path} has no column {', '.join(missing)}; it has {', '.join(named) or 'none'}")
    return rows


def _flashes(path: Path, columns: Columns) -> list[tuple[int, dict[str, str]]]:
    try:
        entries = json.loads(path.read_text("utf-8"))
        mapped = [(text, topic_of_flash(text, labels)) for text, labels in entries]
    except (OSError, ValueError, TypeError) as error:
        raise Misconfigured(f"{path} is no list of [text, labels]: {error}") from error
    rows = [{columns.text: text, columns.label: topic, "language": "zh"} for text, topic in mapped if topic]
    return list(enumerate(rows, 1))
