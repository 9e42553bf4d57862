"""`sentiwatch model`: fine-tune, evaluate and export the two served models."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from streams.cli import model_release, model_reports, model_training
from streams.cli.model_training import TaskOption  # noqa: TC001 - typer reads it

if TYPE_CHECKING:
    from streams.models.evaluation import Model

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
    baselines: Annotated[
        bool,
        typer.Option("--baselines", help="Lexicon, counted words and untuned backbone on the same rows."),
    ] = False,
    data: Annotated[
        Path | None, typer.Option(help="With --baselines: the labelled files that they learn from.")
    ] = None,
    backbone: Annotated[
        Path | None, typer.Option(help="With --baselines: the untuned model's folder.")
    ] = None,
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
    if baselines:
        from streams.models.baselines import Baselines

        figures["baselines"] = Baselines(data, backbone).table(labelled, model.labels)
    print(json.dumps(figures, ensure_ascii=False)) if as_json else _table(figures)


for _release in (*model_release.COMMANDS, *model_reports.COMMANDS):
    app.command()(_release)


def _model(task: str, through: Through, folder: Path | None) -> Model:
    from streams.models import evaluation

    if through is Through.triton:
        from streams.models.through_triton import TritonModel

        return TritonModel(model_release.triton_url(), task)
    if folder is None:
        raise typer.BadParameter("--through checkpoint needs --checkpoint DIR")
    return evaluation.OnnxModel(folder) if through is Through.onnx else evaluation.CheckpointModel(folder)


def _table(figures: dict[str, Any]) -> None:
    from rich.console import Console

    from streams.cli.evaluation_tables import tables

    console = Console()
    summary = ("n", "accuracy", "macro_f1", "weighted_f1", "ece", "texts_per_second", "model_version")
    console.print("  ".join(f"{name} {figures[name]}" for name in summary), highlight=False)
    for table in tables(figures):
        console.print(table)
