"""`sentiwatch model`: fine-tune, evaluate and export the two served models."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from streams.cli import model_training
from streams.cli.model_training import TaskOption  # noqa: TC001 - typer reads it

if TYPE_CHECKING:
    from streams.models.evaluation import Model
    from streams.models.rollout import Rolled

app = typer.Typer(help="Fine-tune, evaluate and export the sentiment and topic models.", no_args_is_help=True)


class Through(StrEnum):
    """How a model is reached."""

    triton = "triton"
    onnx = "onnx"
    checkpoint = "checkpoint"


class Language(StrEnum):
    """The languages the models were trained on."""

    en = "en"
    zh = "zh"


for _command in model_training.COMMANDS:
    app.command(_command.__name__.removeprefix("list_"))(_command)


@app.command()
def evaluate(
    *,
    task: TaskOption,
    file: Annotated[Path, typer.Option(help="Labelled CSV, UTF-8, with a header.")],
    text_column: Annotated[str, typer.Option(help="Column of the text.")] = "text",
    label_column: Annotated[
        str, typer.Option(help="Column of the label; topics as slug or title.")
    ] = "label",
    target_column: Annotated[
        str | None, typer.Option(help="Column of the entity judged; default: whole text.")
    ] = None,
    language: Annotated[
        Language | None, typer.Option(help="Only rows of this language, where a column says.")
    ] = None,
    through: Annotated[
        Through, typer.Option(help="The serving path, or the model in this process.")
    ] = Through.triton,
    checkpoint: Annotated[Path | None, typer.Option(help="With --through checkpoint: its folder.")] = None,
    repo: Annotated[Path, typer.Option(help="With --through onnx: the model repository.")] = Path(
        "model_repo"
    ),
    version: Annotated[int, typer.Option(min=1, help="With --through onnx: the version directory.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Measure a model on a labelled file.

    Example: sentiwatch model evaluate --task sentiment --file headlines.csv --target-column entity --json
    """
    from streams.models import evaluation

    folder = checkpoint if through is Through.checkpoint else repo / task.value / str(version)
    model = _model(task.value, through, folder)
    columns = evaluation.Columns(text_column, label_column, target_column)
    labelled = evaluation.read(file, columns, model.labels, language.value if language else None)
    figures = evaluation.evaluate(model, labelled)
    print(json.dumps(figures, ensure_ascii=False)) if as_json else _table(figures)


@app.command()
def card(
    *,
    repo: Annotated[Path, typer.Option(help="Triton model repository.")] = Path("model_repo"),
    write: Annotated[bool, typer.Option("--write", help="Replace the repository's README.md.")] = False,
) -> None:
    """Print the model card, made from the metadata of the exported models.

    Example: sentiwatch model card --write
    """
    from streams.models.card import render

    text = render(repo)
    if write:
        (repo / "README.md").write_text(text, "utf-8")
        print(f"wrote {repo / 'README.md'}")
    else:
        print(text, end="")


GATES = "gates.toml"


@app.command()
def promote(
    *,
    candidate: Annotated[
        Path, typer.Argument(metavar="VERSION_DIR", help="Folder with model.py and metadata.json.")
    ],
    repo: Annotated[Path, typer.Option(help="The repository that Triton serves.")] = Path("model_repo"),
    gates: Annotated[
        Path | None, typer.Option(help="The gates; default: gates.toml in the repository.")
    ] = None,
    dev: Annotated[Path | None, typer.Option(help="Folder of labelled CSVs that gates may name.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Serve a new model version, if it passes the gates; no request fails meanwhile.

    Example: sentiwatch model promote out/sentiment/2 --dev dev/
    """
    from streams.models import gates as gate
    from streams.models.rollout import Repository, read_metadata

    rules = gate.read(gates or repo / GATES)
    metadata = read_metadata(candidate)
    server = Repository(repo, _triton_url())
    try:
        rolled = server.promote(
            candidate,
            lambda name: gate.refusals(
                rules, metadata, lambda file, target: _measured(name, dev, file, target)
            ),
        )
    finally:
        server.close()
    _print_rolled(rolled, as_json=as_json)


@app.command()
def rollback(
    *,
    task: TaskOption,
    to: Annotated[int | None, typer.Option(help="Version directory; default: the one before.")] = None,
    repo: Annotated[Path, typer.Option(help="The repository that Triton serves.")] = Path("model_repo"),
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Serve the version before again; no request fails meanwhile.

    Example: sentiwatch model rollback --task sentiment
    """
    from streams.models.rollout import Repository

    server = Repository(repo, _triton_url())
    try:
        rolled = server.rollback(task.value, to)
    finally:
        server.close()
    _print_rolled(rolled, as_json=as_json)


def _measured(name: str, dev: Path | None, file: str, target: str | None) -> dict[str, Any] | None:
    """Figures of a model as served on a labelled file; None where the file is not at hand."""
    from streams.models import evaluation
    from streams.models.through_triton import TritonModel

    if dev is None or not (dev / file).is_file():
        print(f"not measured: {file}", file=sys.stderr)
        return None
    model = TritonModel(_triton_url(), name)
    columns = evaluation.Columns(target=target)
    return evaluation.evaluate(model, evaluation.read(dev / file, columns, model.labels))


def _triton_url() -> str:
    from streams.settings import load_settings, require

    return require(load_settings().triton.url, "SENTIWATCH_TRITON__URL")


def _print_rolled(rolled: Rolled, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(asdict(rolled)))
    else:
        print(
            f"{rolled.task}: {rolled.model_version} serves, version {rolled.version} (before: {rolled.before})"
        )


def _model(task: str, through: Through, folder: Path | None) -> Model:
    from streams.models import evaluation

    if through is Through.triton:
        from streams.models.through_triton import TritonModel

        return TritonModel(_triton_url(), task)
    if folder is None:
        raise typer.BadParameter("--through checkpoint needs --checkpoint DIR")
    return evaluation.OnnxModel(folder) if through is Through.onnx else evaluation.CheckpointModel(folder)


def _table(figures: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console()
    summary = ("n", "accuracy", "macro_f1", "weighted_f1", "ece", "texts_per_second", "model_version")
    console.print("  ".join(f"{name} {figures[name]}" for name in summary), highlight=False)
    table = Table("class", "precision", "recall", "f1", "support")
    for name, row in figures["per_class"].items():
        table.add_row(name, *(str(row[column]) for column in ("precision", "recall", "f1", "support")))
    console.print(table)
