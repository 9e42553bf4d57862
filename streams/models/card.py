"""The model card, rendered from the newest versions' own metadata and the reports beside them, so that it cannot drift."""

from __future__ import annotations

import hashlib
import json
from importlib.resources import files
from string import Template
from typing import TYPE_CHECKING, Any, Final

from streams.errors import Misconfigured
from streams.models import card_sections as section
from streams.models.card_sections import table
from streams.models.datasets import NOT_STATED

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

TASKS: Final = ("sentiment", "topic")
_LANGUAGES: Final = {"en": "English", "zh": "Chinese", "all": "all"}


def render(repository: Path) -> str:
    """The card of both models' newest versions as Markdown.

    Raises:
        Misconfigured: a model's metadata.json is missing.
    """
    both = {task: _metadata(newest(repository / task)) for task in TASKS}
    fields = {f"{task}_{name}": text for task, m in both.items() for name, text in _parts(m).items()}
    reports = {
        name: _report(repository, name) for name in ("evaluation", "robustness", "faithfulness", "bench")
    }
    template = Template(files("streams.models").joinpath("card.txt").read_text("utf-8"))
    return template.substitute(
        fields,
        networks=section.networks(both),
        hashes=_hashes(repository, both),
        reproduce=section.reproduce(both),
        excludes=" ".join(f"--exclude {path}" for path in _unlicensed(both)) or "there is none",
        evaluation=section.evaluation(reports["evaluation"]),
        baselines=section.baselines(reports["evaluation"]),
        robustness=section.robustness(reports["robustness"]),
        explanations=section.explanations(reports["faithfulness"]),
        speed=section.speed(reports["bench"]),
    )


def disagreements(repository: Path) -> list[str]:
    """What of card, metadata, reports and weights does not belong together; empty when all does."""
    found = []
    versions = {}
    for task in TASKS:
        folder = newest(repository / task)
        metadata = _metadata(folder)
        versions[task] = metadata["model_version"]
        digests = {name: _digest(folder / entry["model"]) for name, entry in experts_of(metadata).items()}
        for name, entry in experts_of(metadata).items():
            if digests[name] != entry["sha256"]:
                found.append(f"{folder / entry['model']} is not the file that metadata.json describes")
        stated = json.dumps(metadata["model_version"])[1:-1]
        if stated not in (repository / task / "config.pbtxt").read_text("utf-8"):
            found.append(f"{repository / task}/config.pbtxt does not state {stated}")
    for name in ("evaluation", "robustness", "faithfulness"):
        report = _report(repository, name) or {}
        for task, version in report.get("model_versions", {}).items():
            if version != versions[task]:
                found.append(f"{name}.json is about {version}, not {versions[task]}")
    if (repository / "README.md").read_text("utf-8") != render(repository):
        found.append("README.md is not what `sentiwatch model card --write` writes")
    return found


def newest(model: Path) -> Path:
    """The newest version directory of a model.

    Raises:
        Misconfigured: there is none.
    """
    numbers = [int(place.name) for place in model.glob("[0-9]*") if (place / "metadata.json").is_file()]
    if not numbers:
        raise Misconfigured(f"no exported model in {model}: run `sentiwatch model export` first")
    return model / str(max(numbers))


def experts_of(metadata: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The networks of a version: one a language, or one for all in the oldest layout."""
    return dict(metadata.get("experts") or {"any": {"model": "model.onnx", **metadata}})


def _metadata(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / "metadata.json").read_text("utf-8")))


def _report(repository: Path, name: str) -> dict[str, Any] | None:
    path = repository / f"{name}.json"
    return dict(json.loads(path.read_text("utf-8"))) if path.is_file() else None


def _digest(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""


def _hashes(repository: Path, both: Mapping[str, dict[str, Any]]) -> str:
    rows = (
        (
            f"{task}/{newest(repository / task).name}/{entry['model']}",
            f"`{entry.get('sha256', 'not stated')}`",
        )
        for task, metadata in both.items()
        for entry in experts_of(metadata).values()
    )
    return table(("file", "SHA-256"), rows)


def _unlicensed(both: Mapping[str, dict[str, Any]]) -> list[str]:
    paths = {f["path"] for m in both.values() for f in m["training_files"] if f["licence"] == NOT_STATED}
    return sorted(paths)


def _parts(metadata: dict[str, Any]) -> dict[str, str]:
    dev, sources = metadata["dev"], metadata["training_files"]
    return {
        "version": f"`{metadata['model_version']}`",
        "cutoff": metadata["training_cutoff"],
        "labels": ", ".join(f"`{label}`" for label in metadata["labels"]),
        "files": table(("file", "licence as stated"), ((f["path"], f["licence"]) for f in sources)),
        "dev": _dev_table(dev) if dev else "Not measured (export with `--data`).",
        "by_file": _by_file_table(dev) if dev else "",
        "agreement": f"{dev['same_decision_as_fp32']:.2%}" if dev else "not measured",
        "invariant": ("yes" if dev["batch_invariant"] else "NO") if dev else "not measured",
    }


def _dev_table(dev: dict[str, Any]) -> str:
    cross = dev.get("ece_cross_fitted", {})
    header = ("language", "n", "accuracy", "macro-F1", "ECE", "ECE, cross-fitted", "macro-F1 in fp32")
    return table(
        header,
        (
            (
                _LANGUAGES[name],
                *_figures(row),
                f"{cross[name]:.3f}" if name in cross else "–",
                f"{dev['fp32'][name]['macro_f1']:.3f}",
            )
            for name, row in dev["int8"].items()
        ),
    )


def _by_file_table(dev: dict[str, Any]) -> str:
    rows = ((name, *_figures(row)) for name, row in dev["int8_by_file"].items() if name != "all")
    return table(("development part of", "n", "accuracy", "macro-F1", "ECE"), rows)


def _figures(row: dict[str, Any]) -> tuple[str, ...]:
    return (str(row["n"]), f"{row['accuracy']:.3f}", f"{row['macro_f1']:.3f}", f"{row['ece']:.3f}")
