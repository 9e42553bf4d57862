"""Fillers of template slots: within one document the story's slots (region, product, …) keep their value."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from streams.scenario import phrases

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from random import Random

    from streams.scenario.cast import Company
    from streams.scenario.shapes import Channel, Language

_SLOT = re.compile(r"\{(\w+)\}")
# Slots that must agree between the sentences of one document.
_COHERENT = frozenset({"p", "q", "region", "city", "bank", "crude", "index", "metal", "currency", "country"})

_NUMBERS: Mapping[str, Callable[[Random], str]] = {
    "pct": lambda r: f"{r.uniform(2.1, 9.8):.1f}",
    "bigpct": lambda r: str(r.randint(11, 29)),
    "n": lambda r: str(r.randint(12, 96)),
    "k": lambda r: str(r.randint(3, 9)),
    "d": lambda r: str(r.randint(1, 28)),
    "yy": lambda r: str(r.randint(10, 22)),
    "clock": lambda r: f"{r.randint(8, 17)}:{r.choice(('00', '15', '30', '45'))}",
    "price": lambda r: str(r.randint(41, 480)),
    "price2": lambda r: str(r.randint(481, 620)),
    "oil": lambda r: str(r.randint(48, 92)),
    "bps": lambda r: str(r.choice((50, 75, 100))),
}
_ENGLISH: Mapping[str, Callable[[Random], str]] = {
    "money": lambda r: f"${r.uniform(1.1, 9.8):.1f} billion",
    "small": lambda r: f"${r.randint(21, 940)} million",
    "hundreds": lambda r: f"{r.randint(3, 98)},{r.randint(1, 9)}00",
    "cents": lambda r: f"0.{r.randint(21, 98)}",
}
_CHINESE: Mapping[str, Callable[[Random], str]] = {
    "money": lambda r: f"{r.uniform(10.5, 98.5):.1f}亿元",
    "small": lambda r: f"{r.uniform(1.1, 9.8):.1f}亿元",
    "hundreds": lambda r: f"{r.uniform(1.1, 9.8):.1f}万",
    "cents": lambda r: f"{r.uniform(1.2, 9.8):.1f}",
}
_AMOUNTS: Mapping[Language, Mapping[str, Callable[[Random], str]]] = {"en": _ENGLISH, "zh": _CHINESE}


class Filler:
    """Fills the slots of one document's templates."""

    def __init__(self, rng: Random, company: Company | None, language: Language, channel: Channel) -> None:
        self._rng = rng
        self._company = company
        self._language = language
        self._channel = channel
        self._said: dict[str, str] = {}

    def fill(self, template: str) -> str:
        """The template with every slot filled; KeyError for a slot nobody knows."""
        return _SLOT.sub(lambda match: self._value(match[1]), template)

    def _value(self, slot: str) -> str:
        if slot == "country2":
            return self._other_country()
        if slot not in _COHERENT:
            return self._draw(slot)
        return self._said.setdefault(slot, self._draw(slot))

    def _draw(self, slot: str) -> str:
        if slot == "c":
            return self._name()
        if slot == "p":
            return self._rng.choice(self._known().lines[self._language])
        for numbers in (_NUMBERS, _AMOUNTS[self._language]):
            if slot in numbers:
                return numbers[slot](self._rng)
        return self._rng.choice(phrases.slots(self._language)[slot])

    def _other_country(self) -> str:
        countries = phrases.slots(self._language)["country"]
        return self._rng.choice([c for c in countries if c != self._said.get("country")])

    def _known(self) -> Company:
        if self._company is None:
            raise ValueError("a market template names a company")
        return self._company

    def _name(self) -> str:
        company = self._known()
        name = company.names[self._language]
        if self._channel == "social":
            return self._rng.choice((_cashtag(company, self._language), name))
        coded = f"{name} ({company.hint})" if self._language == "en" else f"{name}({company.hint})"
        return coded if self._language != company.home else self._rng.choice((name, name, coded))


def _cashtag(company: Company, language: Language) -> str:
    if language == "en":
        return f"${company.symbol}" if company.home == "en" else f"{company.names['en']} ({company.hint})"
    code = company.symbol if company.home == "en" else f"{company.exchange}{company.symbol}"
    return f"${company.names['zh']}({code})$"
