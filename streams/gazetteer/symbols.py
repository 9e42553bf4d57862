"""Cashtags, exchange codes and ticker hints, resolved as of a day."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from streams.domain.entity import Alias, AliasKind, MatchMethod
from streams.gazetteer.names import a_share_exchange

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import date


class Found(NamedTuple):
    """One piece of evidence in a text: characters `[start, end)` speak for an entity."""

    start: int
    end: int
    entity_id: str
    method: MatchMethod
    ambiguous: bool = False


_CASHTAG: Final = re.compile(r"(?<![A-Za-z0-9_$&])\$([A-Za-z]{1,6}(?:[.\-][A-Za-z])?)(?![A-Za-z0-9_$])")
_EXCHANGE_TICKER: Final = re.compile(
    r"\b(?:NYSE|NASDAQ|AMEX)\s*:\s*([A-Z]{1,5}(?:\.[A-Z])?)\b", re.IGNORECASE
)
_SUFFIXED_TICKER: Final = re.compile(r"(?<![A-Za-z0-9.])([A-Z]{1,5})\.(?:US|OQ|O|N)(?![A-Za-z0-9.])")
_CODE: Final = re.compile(
    r"(?<![A-Za-z0-9.])(?:(?P<before>SH|SZ|BJ|HK)[.:]?)?(?P<digits>\d{3,6})(?:\.(?P<after>SH|SZ|SS|BJ|HK))?"
    r"(?![0-9A-Za-z%]|\.\d)",
    re.IGNORECASE,
)
_THREE_DIGITS: Final = re.compile(r"\d{3}")
_ANNOUNCED: Final = re.compile(r"(?:\(|代码[::]?\s*)$")
_MIC: Final = {"SH": "XSHG", "SS": "XSHG", "SZ": "XSHE", "BJ": "BJSE", "HK": "XHKG"}
_A_SHARE_DIGITS, _HONG_KONG_DIGITS = 6, 5


class SymbolTable:
    """Tickers and codes by owner and time."""

    def __init__(self, aliases: Iterable[Alias]) -> None:
        self._tickers: dict[str, list[Alias]] = {}
        self._codes: dict[str, list[Alias]] = {}
        for alias in aliases:
            if alias.kind is AliasKind.TICKER:
                self._tickers.setdefault(_canonical(alias.alias), []).append(alias)
            elif alias.kind is AliasKind.CODE:
                self._codes.setdefault(alias.alias, []).append(alias)

    def ticker(self, symbol: str, day: date) -> str | None:
        """Whose ticker it was on that day."""
        return _owner(self._tickers.get(_canonical(symbol), ()), day)

    def code(self, mic: str, digits: str, day: date) -> str | None:
        """Whose code it was on that exchange; Hong Kong codes may lack their leading zeros."""
        if mic == "XHKG":
            digits = digits.lstrip("0").zfill(_HONG_KONG_DIGITS)
        return _owner(self._codes.get(f"{mic}:{digits}", ()), day)

    def hint(self, hint: str, day: date) -> str | None:
        """Whom a source's hint means: `AAPL`, `$AAPL`, `AAPL.US`, `sh600519`, `600519.SH`, `00700`."""
        symbol = hint.strip().lstrip("$#").upper()
        match = _CODE.fullmatch(symbol)
        if match is None:
            return self.ticker(symbol, day) or self.ticker(symbol.rsplit(".", 1)[0], day)
        mic = _MIC.get(match["before"] or match["after"] or "")
        if mic is None and len(symbol) == _HONG_KONG_DIGITS:
            mic = "XHKG"
        elif mic is None and len(symbol) == _A_SHARE_DIGITS:
            mic = a_share_exchange(symbol)
        return self.code(mic, match["digits"], day) if mic else None

    def find(self, text: str, day: date) -> Iterator[Found]:
        """Cashtags, exchange-qualified tickers and codes; bare codes are ambiguous unless announced."""
        if "$" in text:
            yield from self._cashtags(text, day)
        # What a pattern cannot do without is looked for first: most texts have none of it.
        for mark, pattern in ((":", _EXCHANGE_TICKER), (".", _SUFFIXED_TICKER)):
            for match in pattern.finditer(text) if mark in text else ():
                if (owner := self.ticker(match[1], day)) is not None:
                    yield Found(match.start(), match.end(), owner, MatchMethod.CODE)
        for match in _CODE.finditer(text) if _THREE_DIGITS.search(text) else ():
            yield from self._code_found(text, match, day)

    def _cashtags(self, text: str, day: date) -> Iterator[Found]:
        for match in _CASHTAG.finditer(text):
            symbol = match[1]
            if len(symbol) == 1 and symbol.islower():
                continue  # "10 $m" is an amount
            owner = self.ticker(symbol, day)
            if owner is not None:
                yield Found(match.start(), match.end(), owner, MatchMethod.CASHTAG)

    def _code_found(self, text: str, match: re.Match[str], day: date) -> Iterator[Found]:
        digits, qualifier = match["digits"], match["before"] or match["after"]
        bare = qualifier is None
        if bare and len(digits) < _HONG_KONG_DIGITS:
            return
        mic = _MIC[qualifier.upper()] if qualifier else a_share_exchange(digits)
        if bare and len(digits) == _HONG_KONG_DIGITS:
            mic = "XHKG"
        owner = self.code(mic, digits, day)
        if owner is None:
            return
        announced = not bare or _ANNOUNCED.search(text, max(0, match.start() - 6), match.start()) is not None
        if bare and mic == "XHKG" and not announced:
            return
        yield Found(match.start(), match.end(), owner, MatchMethod.CODE, ambiguous=not announced)


def refuted(hint: str, text: str) -> bool:
    """Whether the text shows why the source gave the hint, and that it means nothing (`U$D`, `MODE$T`)."""
    symbol = re.escape(hint.strip().lstrip("$").upper())
    upper = text.upper()
    glued = re.search(rf"[\w$]\${symbol}(?![A-Z0-9])|\${symbol}[\w$]", upper)
    return glued is not None and re.search(rf"(?<![\w$])\${symbol}(?![\w$])", upper) is None


def _canonical(symbol: str) -> str:
    return symbol.upper().replace("-", ".").replace("/", ".")


def _owner(aliases: Iterable[Alias], day: date) -> str | None:
    return next((alias.entity_id for alias in aliases if alias.validity.covers(day)), None)
