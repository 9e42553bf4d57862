"""`sentiwatch model robustness`: reports on a model as it is served."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from streams.errors import Misconfigured


def robustness(
    *,
    out: Annotated[Path | None, typer.Option(help="Folder for robustness.json, .md and .png.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Bias and robustness of the served sentiment model: names swapped, words written otherwise; exit 1 above the aim.

    Example: sentiwatch model robustness --out reports/
    """
    from streams.cli.model_release import triton_url
    from streams.models import robustness as bias
    from streams.models.robustness_report import as_markdown, write
    from streams.models.through_triton import TritonModel

    model = TritonModel(triton_url(), "sentiment")
    try:
        report = bias.report(model)
    finally:
        model.close()
    if out is not None:
        write(report, out)
    print(json.dumps(report, ensure_ascii=False) if as_json else as_markdown(report))
    if not report["passed"]:
        raise typer.Exit(1)


def report(
    *,
    dev: Annotated[Path, typer.Option(help="Folder of labelled CSVs; those named topic* are of topics.")],
    out: Annotated[Path, typer.Option(help="Folder of the reports.")] = Path("model_repo"),
    baselines: Annotated[bool, typer.Option("--baselines", help="Measure the baselines, too.")] = False,
    data: Annotated[Path | None, typer.Option(help="With --baselines: the labelled files.")] = None,
    backbone: Annotated[Path | None, typer.Option(help="With --baselines: the untuned model.")] = None,
) -> None:
    """Evaluate the served models on every file of a folder and keep the figures for the model card.

    Example: sentiwatch model report --dev dev/
    """
    from streams.cli.model_release import TASKS, triton_url
    from streams.models import reporting
    from streams.models.baselines import Baselines
    from streams.models.through_triton import TritonModel

    models = {task: TritonModel(triton_url(), task) for task in TASKS}
    fitted = Baselines(data, backbone)
    compare = (lambda labelled, model: fitted.table(labelled, model.labels)) if baselines else None
    found = reporting.report(models, dev, compare)
    _keep(found, out / "evaluation.json")
    for name, row in ((n, r) for rows in found["files"].values() for n, r in rows.items()):
        print(
            f"{name}: n {row['n']}  accuracy {row['accuracy']}  macro-F1 {row['macro_f1']}  ECE {row['ece']}"
        )


def card(
    *,
    repo: Annotated[Path, typer.Option(help="Triton model repository.")] = Path("model_repo"),
    write: Annotated[bool, typer.Option("--write", help="Replace the repository's README.md.")] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Exit 1 when card, metadata, reports and weights disagree.")
    ] = False,
) -> None:
    """Print the model card, made from the metadata of the exported models and the reports beside them.

    Example: sentiwatch model card --check
    """
    from streams.models.card import disagreements, render

    if check:
        found = disagreements(repo)
        if found:
            raise Misconfigured("; ".join(found))
        print("card, metadata, reports and weights agree")
        return
    text = render(repo)
    if write:
        (repo / "README.md").write_text(text, "utf-8")
        print(f"wrote {repo / 'README.md'}")
    else:
        print(text, end="")


COMMANDS = (robustness, report, card)


def _keep(content: dict[str, Any], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", "utf-8")
