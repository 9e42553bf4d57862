"""`sentiwatch explain`: which words carry an answer."""

from __future__ import annotations

import html
import json
from pathlib import Path  # noqa: TC003 - typer reads it
from typing import TYPE_CHECKING, Annotated

import typer

from streams.errors import Misconfigured

if TYPE_CHECKING:
    from streams.models.explaining import Explanation
    from streams.models.through_triton import TritonModel

BAR = 20


def explain(
    text: Annotated[
        str, typer.Argument(metavar="TEXT", help="What to explain; with --faithfulness: none.")
    ] = "",
    *,
    target: Annotated[str, typer.Option(help="Entity the sentiment is towards; default: whole text.")] = "",
    task: Annotated[str, typer.Option(help="sentiment or topic.")] = "sentiment",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    page: Annotated[Path | None, typer.Option("--html", help="Write a page with the words coloured.")] = None,
    faithfulness: Annotated[
        bool, typer.Option("--faithfulness", help="On our own sentences: do the top words matter more?")
    ] = False,
    out: Annotated[Path | None, typer.Option(help="With --faithfulness: keep the figures here.")] = None,
    texts: Annotated[int, typer.Option(min=10, help="With --faithfulness: how many sentences.")] = 100,
) -> None:
    """Token attributions of the served model, by leaving words out; a check that they are faithful.

    Example: sentiwatch explain --target Acme "Acme warns of a loss while Bolt beats estimates"
    """
    from streams.cli.model_release import TASKS, triton_url
    from streams.domain.text import normalise
    from streams.models import explaining
    from streams.models.through_triton import TritonModel

    if task not in TASKS:
        raise typer.BadParameter(f"--task is one of {', '.join(TASKS)}")
    if faithfulness == bool(text):
        raise typer.BadParameter("give either a text or --faithfulness")
    model = TritonModel(triton_url(), task)
    try:
        if faithfulness:
            _check(model, task, texts, out, as_json=as_json)
            return
        explanation = explaining.explain(model, normalise(text), normalise(target))
    finally:
        model.close()
    if page is not None:
        _write(page, as_html(explanation))
    typer.echo(json.dumps(explanation.as_dict(), ensure_ascii=False) if as_json else as_text(explanation))


def _check(model: TritonModel, task: str, texts: int, out: Path | None, *, as_json: bool) -> None:
    from streams.models import faithfulness
    from streams.models.robustness import sentences

    result = faithfulness.check(model, [(s.text, s.target) for s in sentences()][:texts])
    result["model_versions"] = {task: model.version}
    if out is not None:
        _write(out, json.dumps(result, indent=1) + "\n")
    if as_json:
        typer.echo(json.dumps(result))
    else:
        typer.echo(
            f"{task}: leaving out the top fifth of the words lowers the probability by {result['fall_top']}, "
            f"random words by {result['fall_random']} (difference {result['difference_interval']}, "
            f"{result['won']:.0%} of {result['n']} texts)"
        )
    low = result.get("difference_interval", [0])[0]
    if low <= 0:
        raise Misconfigured("the attributions are not faithful: random words matter as much")


def as_text(explanation: Explanation) -> str:
    """A bar a word, in text order."""
    largest = max((abs(piece.weight) for piece in explanation.pieces), default=0.0) or 1.0
    head = f"{explanation.label} ({explanation.probability:.2f}) by {explanation.model_version}"
    lines = [head + (f", towards {explanation.target}" if explanation.target else "")]
    for piece in explanation.pieces:
        bar = round(BAR * abs(piece.weight) / largest) * ("+" if piece.weight >= 0 else "-")
        lines.append(f"{piece.weight:+.3f} {bar:{BAR}} {piece.text}")
    return "\n".join(lines)


def as_html(explanation: Explanation) -> str:
    """A page of its own: what speaks for the answer is green, what speaks against it red; hover for figures."""
    largest = max((abs(piece.weight) for piece in explanation.pieces), default=0.0) or 1.0
    parts, place = [], 0
    for piece in explanation.pieces:
        colour = "0,128,0" if piece.weight >= 0 else "200,0,0"
        parts.append(html.escape(explanation.text[place : piece.start]))
        parts.append(
            f'<mark title="{piece.weight:+.4f}" '
            f'style="background:rgba({colour},{abs(piece.weight) / largest:.2f})">{html.escape(piece.text)}</mark>'
        )
        place = piece.end
    parts.append(html.escape(explanation.text[place:]))
    towards = f", towards {html.escape(explanation.target)}" if explanation.target else ""
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Explanation</title>'
        "<style>body{font:16px/1.6 sans-serif;max-width:50em;margin:2em auto}mark{color:inherit}</style>"
        f"<p><b>{html.escape(explanation.label)}</b> {explanation.probability:.3f}{towards}"
        f" · {html.escape(explanation.model_version)} · occlusion</p><p>{''.join(parts)}</p></html>\n"
    )


def _write(page: Path, content: str) -> None:
    try:
        page.write_text(content, "utf-8")
    except OSError as error:
        raise Misconfigured(f"cannot write {page}: {error.strerror}") from error
