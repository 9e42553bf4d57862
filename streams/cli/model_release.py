"""`sentiwatch model promote`, `rollback` and `leakage`: what a version must pass on its way into service."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from streams.models.rollout import Rolled

GATES = "gates.toml"
LISTED = 20
TASKS = ("sentiment", "topic")

RepoOption = Annotated[Path, typer.Option("--repo", help="The repository that Triton serves.")]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]


def promote(
    *,
    candidate: Annotated[
        Path, typer.Argument(metavar="VERSION_DIR", help="Folder with model.py and metadata.json.")
    ],
    repo: RepoOption = Path("model_repo"),
    gates: Annotated[
        Path | None, typer.Option(help="The gates; default: gates.toml in the repository.")
    ] = None,
    dev: Annotated[Path | None, typer.Option(help="Folder of labelled CSVs that gates may name.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Serve a new model version, if it passes the gates; no request fails meanwhile.

    Example: sentiwatch model promote out/sentiment/2 --dev dev/
    """
    from streams.models import gates as gate
    from streams.models.rollout import Repository, read_metadata

    rules = gate.read(gates or repo / GATES)
    metadata = read_metadata(candidate)
    server = Repository(repo, triton_url())
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


def rollback(
    *,
    task: Annotated[str, typer.Option(help="sentiment or topic.")],
    to: Annotated[int | None, typer.Option(help="Version directory; default: the one before.")] = None,
    repo: RepoOption = Path("model_repo"),
    as_json: JsonOption = False,
) -> None:
    """Serve the version before again; no request fails meanwhile.

    Example: sentiwatch model rollback --task sentiment
    """
    from streams.models.rollout import Repository

    if task not in TASKS:
        raise typer.BadParameter(f"--task is one of {', '.join(TASKS)}")
    server = Repository(repo, triton_url())
    try:
        rolled = server.rollback(task, to)
    finally:
        server.close()
    _print_rolled(rolled, as_json=as_json)


def leakage(
    *,
    file: Annotated[Path, typer.Option(help="CSV whose texts must be new to the models.")],
    data: Annotated[Path, typer.Option(help="Folder of the labelled files the models learnt from.")],
    text_column: Annotated[str, typer.Option(help="Column of the text.")] = "text",
    whole: Annotated[
        bool, typer.Option("--whole", help="Also against the development side of those files.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Prove that no text of a file occurs in the training data; exit 1 and the rows' numbers otherwise.

    Example: sentiwatch model leakage --file headlines.csv --data ../shared/data
    """
    from streams.models import evaluation
    from streams.models import leakage as search

    texts = evaluation.read_texts(file, text_column)
    training = search.training_texts(data, TASKS, whole=whole)
    found = search.leaks(texts, training)
    if as_json:
        rows = [asdict(leak) for leak in found]
        print(json.dumps({"texts": len(texts), "training_texts": len(training), "leaks": rows}))
    elif not found:
        print(f"none of {len(texts)} texts occurs among {len(training)} training texts")
    for leak in found[:LISTED]:
        print(f"row {leak.row}: {leak.kind} ({leak.similarity}) in {leak.origin}", file=sys.stderr)
    if found:
        print(f"{len(found)} of {len(texts)} texts occur in the training data", file=sys.stderr)
        raise typer.Exit(1)


COMMANDS = (promote, rollback, leakage)


def triton_url() -> str:
    """Where Triton listens; refuses in one line when nothing says."""
    from streams.settings import load_settings, require

    return require(load_settings().triton.url, "SENTIWATCH_TRITON__URL")


def _measured(name: str, dev: Path | None, file: str, target: str | None) -> dict[str, Any] | None:
    """Figures of a model as served on a labelled file; None where the file is not at hand."""
    from streams.models import evaluation
    from streams.models.through_triton import TritonModel

    if dev is None or not (dev / file).is_file():
        print(f"not measured: {file}", file=sys.stderr)
        return None
    model = TritonModel(triton_url(), name)
    columns = evaluation.Columns(target=target)
    return evaluation.evaluate(model, evaluation.read(dev / file, columns, model.labels))


def _print_rolled(rolled: Rolled, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(asdict(rolled)))
    else:
        before = f"(before: {rolled.before})"
        print(f"{rolled.task}: {rolled.model_version} serves, version {rolled.version} {before}")
        print(
            "baselines mix both versions for 28 days, and dossiers say so; `sentiwatch replay` scores history anew",
            file=sys.stderr,
        )
