"""The stock of sentences: four TOML files beside this module, read once."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from streams.scenario.shapes import Channel, Label, Language

# Posts that fit no topic of their own are commentary (with a company) or general talk (without one).
_TALK = {"company": "stock_commentary", "market": "general_news_opinion"}

Lead = tuple[str, str]
"""(topic slug, template)"""


@cache
def _table(name: str) -> Mapping[str, Any]:
    table: Mapping[str, Any] = tomllib.loads(
        files("streams.scenario").joinpath(f"{name}.toml").read_text("utf-8")
    )
    return table


def slots(language: Language) -> Mapping[str, Sequence[str]]:
    """Values of the list-valued slots."""
    values: Mapping[str, Sequence[str]] = _table(f"phrases_{language}")["slots"]
    return values


@cache
def leads(language: Language, about: str, label: Label, channel: Channel) -> tuple[Lead, ...]:
    """Opening templates; `about` is "company" or "market". Posts add talk of their own."""
    by_topic = _table(f"phrases_{language}")[about][label]
    return tuple(
        (_TALK[about] if topic == "social" else topic, template)
        for topic, templates in by_topic.items()
        for template in templates
        if topic != "social" or channel == "social"
    )


def details(language: Language, about: str, label: Label) -> Sequence[str]:
    """Sentences that may follow a lead of the same label."""
    templates: Sequence[str] = _table(f"phrases_{language}")[about]["detail"][label]
    return templates


def trimmings(language: Language, label: Label) -> tuple[Sequence[str], Sequence[str]]:
    """(openers, tails) of posts."""
    social = _table(f"phrases_{language}")["social"]
    return social[f"open_{label}"], social[f"tail_{label}"]


def storyline(language: Language, name: str) -> Mapping[str, Any]:
    """A planted event: `topic`, `lead`, `detail`, `social`; `name` may be dotted ("market.macro")."""
    table: Mapping[str, Any] = _table(f"storylines_{language}")
    for part in name.split("."):
        table = table[part]
    return table
