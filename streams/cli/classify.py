"""`sentiwatch classify`: texts through Triton, by hand."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from streams.domain.document import Probabilities
    from streams.domain.score import ModelInfo

Answers = "dict[str, tuple[ModelInfo, list[Probabilities | None]]]"


def classify(
    texts: list[str] = typer.Argument(..., metavar="TEXT…"),
    target: str = typer.Option("", help="Entity name the sentiment is towards; default: the whole text."),
    json_output: bool = typer.Option(False, "--json", help="Print JSON."),
) -> None:
    """Sentiment and topic of texts.

    Example: sentiwatch classify --target Apple "Apple shares plunge on weak sales"
    """
    from streams.domain.text import normalise

    cleaned = [normalise(text) for text in texts]
    if not all(cleaned):
        raise typer.BadParameter("a text is empty")
    answers = asyncio.run(ask(cleaned, target))
    rows = []
    for index, text in enumerate(cleaned):
        row: dict[str, object] = {"text": text, "target": target}
        for model, (info, results) in answers.items():
            row |= describe(model, info, results[index])
        rows.append(row)
    if json_output:
        typer.echo(json.dumps(rows, ensure_ascii=False))
        return
    for row in rows:
        labels = ", ".join(f"{row[model]} ({row[f'{model}_confidence']:.2f})" for model in answers)
        typer.echo(f"{labels}: {row['text']}")


async def ask(texts: list[str], target: str) -> dict[str, tuple[ModelInfo, list[Probabilities | None]]]:
    """Both models' answers."""
    from streams.adapters.triton.client import TritonClassifier
    from streams.domain.score import SENTIMENT, TOPIC, Question
    from streams.settings import load_settings, require

    settings = load_settings()
    url = require(settings.triton.url, "SENTIWATCH_TRITON__URL")
    async with TritonClassifier(url, settings.triton) as classifier:
        return {
            model: (
                await classifier.info(model),
                await classifier.classify(
                    model, [Question(text, target if model == SENTIMENT else "") for text in texts]
                ),
            )
            for model in (SENTIMENT, TOPIC)
        }


def describe(model: str, info: ModelInfo, answer: Probabilities | None) -> dict[str, object]:
    """One model's answer to one text, for people and programs."""
    from streams.domain.score import SCALE

    if answer is None:
        return {model: "refused", f"{model}_confidence": 0.0}
    shares = {label: value / SCALE for label, value in zip(info.labels, answer.values, strict=True)}
    return {
        model: info.labels[answer.top],
        f"{model}_confidence": max(shares.values()),
        f"{model}_probabilities": shares,
        f"{model}_version": info.version,
    }
