"""Readers of the public lists that the gazetteer is built from (see data/SOURCES.md)."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from streams.domain.entity import Alias, AliasKind, Entity, EntityKind
from streams.gazetteer.names import a_share_exchange, a_share_names, western_names
from streams.gazetteer.table import read_rows

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SHORTEST_BARE_TICKER: Final = 4
"""Shorter tickers without a `$` are words and abbreviations more often than companies."""

_INDIAN_GROUPS: Final = (
    "SPACE",
    "SECTOR",
    "SPC",
    "COS",
    "SEC",
    "CAPS",
    "STOCKS",
    "BND",
    "BONDS",
    "MKT",
    "EXCHNG",
)
_INDIAN_COMPANY_MARKS: Final = (" Ltd", " Limited", " Bank", " ltd")
_INDIAN_COMPANIES: Final = frozenset({"DCMSHRIRAM", "GICRE", "PGHH", "SKFINDIA"})
_INDIAN_NOT_COMPANIES: Final = frozenset(
    {"BANK", "BANKNIFTY", "INDIASEC", "PSUBANKS", "PRIVATEBANKS", "MIDCAPBANK", "INVESTMENT"}
)
_INDIAN_ABBREVIATIONS: Final = (
    "DLF HUL TCS ITC RIL SBI PNB L&T M&M SRF MRF JSW TVS PVR LIC BPCL BHEL ONGC NTPC HDFC GAIL"
    " HPCL NMDC NHPC IDFC IDBI IIFL DHFL HDIL JSPL RCOM BEML CESC NDTV MTNL MMTC NBCC NIIT MRPL"
    " GMDC GSFC GCPL HFCL ICRA IFCI INFY KPIT KRBL MOIL SBIN SJVN ZEEL NALCO"
)
_INDIAN_SHORT: Final = frozenset(_INDIAN_ABBREVIATIONS.split())


@dataclass(slots=True)
class Catalogue:
    """Entities and aliases while they are being collected; later sources add to earlier ones."""

    entities: dict[str, Entity] = field(default_factory=dict)
    aliases: list[Alias] = field(default_factory=list)


def american(source: Path, ordinary: frozenset[str]) -> Catalogue:
    """The S&P 500 constituents: symbol, name and sector."""
    found = Catalogue()
    for row in read_rows(source / "constituents.csv"):
        symbol = row["Symbol"].strip()
        entity_id = "us." + symbol.lower().replace(".", "-")
        names = western_names(row["Security"])
        found.entities[entity_id] = Entity(
            entity_id,
            EntityKind.COMPANY,
            symbol,
            "US",
            names[0],
            row["GICS Sector"].strip(),
            "US",
            listed=True,
        )
        found.aliases.append(ticker(entity_id, symbol, ordinary))
        found.aliases.extend(_western_alias(entity_id, name, ordinary) for name in names)
    return found


def chinese(source: Path, ordinary: frozenset[str]) -> Catalogue:
    """A-shares: code, current, former and board names. No listing date means delisted or not yet listed."""
    names: dict[str, list[str]] = {}
    listed: set[str] = set()
    for row in read_rows(source / "a_share_names.csv"):
        names.setdefault(row["code"], []).extend([row["name"], *row["all_names"].split("|")])
    for row in read_rows(source / "all_code.csv"):
        names.setdefault(row["stock_code"], []).append(row["short_name"])
        if row["list_date"].strip():
            listed.add(row["stock_code"])
    found = Catalogue()
    for code, spelled in sorted(names.items()):
        _add_a_share(found, code, spelled, ordinary, listed=code in listed)
    return _recoded(found)


def _recoded(catalogue: Catalogue) -> Catalogue:
    """Beijing gave its companies codes 920xxx in 2024-25; the old 4xxxxx or 8xxxxx is the same company's."""
    recent = {e.name: e.entity_id for e in catalogue.entities.values() if e.symbol.startswith("920")}
    successor = {
        e.entity_id: recent[e.name]
        for e in catalogue.entities.values()
        if e.exchange == "BJSE" and not e.symbol.startswith("92") and e.name in recent
    }
    entities = {key: entity for key, entity in catalogue.entities.items() if key not in successor}
    aliases = [replace(a, entity_id=successor.get(a.entity_id, a.entity_id)) for a in catalogue.aliases]
    return Catalogue(entities, list(dict.fromkeys(aliases)))


def _add_a_share(
    found: Catalogue, code: str, spelled: list[str], ordinary: frozenset[str], *, listed: bool
) -> None:
    entity_id = f"cn.{code}"
    cleaned = list(dict.fromkeys(name for raw in spelled for name in a_share_names(raw)))
    if not cleaned:
        cleaned = [spelled[0]]
    exchange = a_share_exchange(code)
    found.entities[entity_id] = Entity(
        entity_id, EntityKind.COMPANY, code, exchange, cleaned[0], "", "CN", listed
    )
    found.aliases.append(Alias(entity_id, f"{exchange}:{code}", "zh", AliasKind.CODE))
    for position, name in enumerate(cleaned):
        kind = AliasKind.NAME if position == 0 else AliasKind.SHORT
        found.aliases.append(
            Alias(entity_id, name, "zh", kind, ambiguous=name in ordinary or len(name) < len("万科"))
        )


def indian(source: Path, ordinary: frozenset[str]) -> Catalogue:
    """Companies of the Indian list; its sectors, commodities and indices are left out."""
    found = Catalogue()
    for row in read_rows(source / "entity_list_comprehensive.csv"):
        symbol, names = (
            row["Symbol"].strip(),
            [name.strip() for name in row["Entity"].split(",") if name.strip()],
        )
        if not _is_indian_company(symbol, names):
            continue
        entity_id = "in." + symbol.lower().replace("&", "-and-")
        full = max((name for name in names if name != symbol), key=len, default=symbol)
        found.entities[entity_id] = Entity(
            entity_id, EntityKind.COMPANY, symbol, "XNSE", full, "", "IN", listed=True
        )
        spelled = dict.fromkeys(variant for name in names for variant in western_names(name))
        found.aliases.extend(_indian_alias(entity_id, name, ordinary) for name in spelled)
    return found


def _is_indian_company(symbol: str, names: list[str]) -> bool:
    if symbol in _INDIAN_NOT_COMPANIES or symbol.endswith(_INDIAN_GROUPS):
        return False
    marked = any(mark in name for name in names for mark in _INDIAN_COMPANY_MARKS)
    return marked or symbol in _INDIAN_COMPANIES


def _indian_alias(entity_id: str, name: str, ordinary: frozenset[str]) -> Alias:
    single = " " not in name
    short = single and len(name) <= SHORTEST_BARE_TICKER and name not in _INDIAN_SHORT
    return Alias(
        entity_id,
        name,
        "en",
        AliasKind.TICKER if single and name.isupper() and name not in _INDIAN_SHORT else AliasKind.NAME,
        case_sensitive=single,
        ambiguous=short or (single and name.casefold() in ordinary),
    )


def _western_alias(entity_id: str, name: str, ordinary: frozenset[str]) -> Alias:
    single = " " not in name
    ambiguous = single and name.casefold() in ordinary
    return Alias(entity_id, name, "en", AliasKind.NAME, case_sensitive=single, ambiguous=ambiguous)


def ticker(entity_id: str, symbol: str, ordinary: frozenset[str]) -> Alias:
    """An American ticker; without a `$` it counts only when it is long and no word."""
    ambiguous = len(symbol) < SHORTEST_BARE_TICKER or symbol.casefold() in ordinary
    return Alias(entity_id, symbol, "en", AliasKind.TICKER, case_sensitive=True, ambiguous=ambiguous)


def ordinary_words(path: Path) -> frozenset[str]:
    """Words, case-folded, that are company names as well."""
    return frozenset(row["word"].casefold() for row in read_rows(path))


def blocked_phrases(path: Path) -> Iterator[tuple[str, str]]:
    """Phrases that contain a company's name without meaning it, with their language."""
    for row in read_rows(path):
        yield row["phrase"], row["language"]
