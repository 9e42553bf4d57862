"""How the sources spell companies, and how texts do."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

_LEGAL: Final = re.compile(
    r",?\s+(?:Inc\.?|Incorporated|Corporation|Corp\.?|Company|plc|PLC|Ltd\.?|Limited|& Co\.?|Co\.?"
    r"|N\.V\.|S\.A\.|Holdings|Group)$"
)
_BRACKETS: Final = re.compile(r"\s*\([^()]*\)")
_BOARD_PREFIX: Final = re.compile(r"^(?:XD|XR|DR|N|C)(?=[\u4e00-\u9fff])")
_RISK_PREFIX: Final = re.compile(r"^(?:S?\*?ST|PT|S(?=[\u4e00-\u9fff]))")
_BOARD_SUFFIX: Final = re.compile(r"(?:-(?:U|W|UW|WD|SW)|[AB])$")
_HAN: Final = re.compile(r"[\u4e00-\u9fff]")
MINIMUM_HAN: Final = 3
"""A stripped Chinese name shorter than this is an ordinary word more often than a company (国华, 天海)."""

_FOLDED: Final = str.maketrans(
    {"\u2019": "'", "\u2018": "'", "\u2013": "-", "\u2010": "-", "\u2011": "-", "\u30fb": "·"}
)


def fold(text: str) -> str:
    """Lower case with typographic quotes and dashes made plain; never changes the length."""
    lowered = text.lower()
    if len(lowered) != len(text):
        lowered = "".join(low if len(low := character.lower()) == 1 else character for character in text)
    return lowered.translate(_FOLDED)


def straight(text: str) -> str:
    """Typographic quotes and dashes made plain, case kept."""
    return text.translate(_FOLDED)


def language_of(name: str) -> str:
    """`zh` for a name with ideographs, `en` otherwise."""
    return "zh" if _HAN.search(name) else "en"


def western_names(security: str) -> list[str]:
    """A registered name and what remains without its legal form: `Adobe Inc.` → `Adobe Inc.`, `Adobe`."""
    name = _BRACKETS.sub("", unicodedata.normalize("NFKC", security)).strip()
    found = [name]
    while (shorter := _LEGAL.sub("", name)) != name:
        name = shorter
        found.append(name)
    return found


def a_share_names(short_name: str) -> list[str]:
    """The short name without padding, and without the marks that the exchange puts around it.

    `万  科Ａ` → 万科A, 万科; `*ST国华` → *ST国华, ST国华; `XD中国联` is a cut-off name and gives nothing.
    """
    name = unicodedata.normalize("NFKC", short_name).replace(" ", "")
    if _BOARD_PREFIX.match(name):
        return []
    found = [name]
    if name.startswith("*"):
        found.append(name[1:])
    bare = _BOARD_SUFFIX.sub("", _RISK_PREFIX.sub("", name))
    if bare != name and (len(bare) >= MINIMUM_HAN or name.startswith(bare)):
        found.append(bare)
    return found


def a_share_exchange(code: str) -> str:
    """MIC by the code's first digits: Shanghai 6 and 900, Beijing 4, 8 and 92, Shenzhen the rest."""
    if code.startswith(("6", "900")):
        return "XSHG"
    return "BJSE" if code.startswith(("4", "8", "92")) else "XSHE"
