"""The model card, rendered from the exported models' own metadata so that it cannot drift from them."""

from __future__ import annotations

import json
from importlib.resources import files
from string import Template
from typing import TYPE_CHECKING, Any

from streams.errors import Misconfigured
from streams.models.datasets import NOT_STATED

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_TEMPLATE = "card.txt"
_LANGUAGES = {"en": "English", "zh": "Chinese", "all": "all"}


def render(repository: Path, version: int = 1) -> str:
    """The card of both models as Markdown.

    Raises:
        Misconfigured: a model's metadata.json is missing.
    """
    both = {task: _metadata(repository / task / str(version)) for task in ("sentiment", "topic")}
    fields = {f"{task}_{name}": text for task, m in both.items() for name, text in _parts(m).items()}
    template = Template(files("streams.models").joinpath(_TEMPLATE).read_text("utf-8"))
    return template.substitute(fields, base=both["sentiment"]["base_model"])


def _metadata(folder: Path) -> dict[str, Any]:
    try:
        return dict(json.loads((folder / "metadata.json").read_text("utf-8")))
    except OSError as error:
        raise Misconfigured(f"no exported model in {folder}: run `sentiwatch model export` first") from error


def _parts(metadata: dict[str, Any]) -> dict[str, str]:
    recipe, dev, sources = metadata["recipe"], metadata["dev"], metadata["training_files"]
    return {
        "version": f"`{metadata['model_version']}`",
        "cutoff": metadata["training_cutoff"],
        "temperature": f"{metadata['temperature']:.3f}",
        "epochs": str(recipe["epochs"]),
        "note": metadata.get("note", ""),
        "seed": str(recipe["seed"]),
        "embeddings": "--freeze-embeddings" if recipe["freeze_embeddings"] else "--train-embeddings",
        "labels": ", ".join(f"`{label}`" for label in metadata["labels"]),
        "files": _table(("file", "licence as stated"), ((f["path"], f["licence"]) for f in sources)),
        "excludes": " ".join(f"--exclude {f['path']}" for f in sources if f["licence"] == NOT_STATED),
        "dev": _dev_table(dev) if dev else "Not measured (export with `--data`).",
        "by_file": _by_file_table(dev) if dev else "",
        "agreement": f"{dev['same_decision_as_fp32']:.2%}" if dev else "not measured",
        "invariant": ("yes" if dev["batch_invariant"] else "NO") if dev else "not measured",
    }


def _dev_table(dev: dict[str, Any]) -> str:
    header = ("language", "n", "accuracy", "macro-F1", "ECE", "macro-F1 in fp32")
    return _table(
        header,
        (
            (_LANGUAGES[name], *_figures(row), f"{dev['fp32'][name]['macro_f1']:.3f}")
            for name, row in dev["int8"].items()
        ),
    )


def _by_file_table(dev: dict[str, Any]) -> str:
    rows = ((name, *_figures(row)) for name, row in dev["int8_by_file"].items() if name != "all")
    return _table(("development part of", "n", "accuracy", "macro-F1", "ECE"), rows)


def _figures(row: dict[str, Any]) -> tuple[str, ...]:
    return (str(row["n"]), f"{row['accuracy']:.3f}", f"{row['macro_f1']:.3f}", f"{row['ece']:.3f}")


def _table(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [header, tuple("---" for _ in header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
