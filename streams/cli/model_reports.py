"""`sentiwatch model robustness`: reports on a model as it is served."""

from __future__ import annotations

import json
from pathlib import Path  # noqa: TC003 - typer reads it
from typing import Annotated

import typer


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


COMMANDS = (robustness,)
