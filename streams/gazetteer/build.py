"""Build the shipped tables: `python -m streams.gazetteer.build --source DIR`.

DIR holds constituents.csv, all_code.csv, a_share_names.csv and entity_list_comprehensive.csv. The result
depends on those four files and on `curated/` alone, byte for byte.
"""

from __future__ import annotations

import argparse
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from streams.domain.entity import Alias, AliasKind
from streams.gazetteer.curated import add_curated
from streams.gazetteer.names import fold
from streams.gazetteer.sources import (
    Catalogue,
    american,
    blocked_phrases,
    chinese,
    indian,
    ordinary_words,
)
from streams.gazetteer.table import ALIAS_COLUMNS, ENTITY_COLUMNS, alias_row, entity_row, write_rows

if TYPE_CHECKING:
    from collections.abc import Iterable

CURATED = Path(__file__).parent / "curated"
DATA = Path(__file__).parent / "data"
_FIRST_DAY, _LAST_DAY = date.min, date.max


def build(source: Path, curated: Path = CURATED) -> Catalogue:
    """All entities and aliases, without aliases that two companies claim for the same days."""
    ordinary = ordinary_words(curated / "ordinary_words.csv")
    lists = [american(source, ordinary), chinese(source, ordinary), indian(source, ordinary)]
    merged = Catalogue()
    for part in lists:
        merged.entities.update(part.entities)
        merged.aliases.extend(part.aliases)
    merged = add_curated(merged, curated / "companies.csv", ordinary)
    return Catalogue(merged.entities, list(settle_claims(merged)))


def settle_claims(catalogue: Catalogue) -> Iterable[Alias]:
    """Each alias for one company at a time.

    A current name beats a former one; then America, China, the rest; then the listed company.
    """
    unique = dict.fromkeys(catalogue.aliases)
    ranked = sorted(unique, key=lambda alias: _rank(catalogue, alias))
    kept: dict[str, list[Alias]] = {}
    for alias in ranked:
        key = fold(alias.alias)
        rivals = kept.setdefault(key, [])
        if not any(_overlap(alias, rival) and not _may_coexist(alias, rival) for rival in rivals):
            rivals.append(alias)
    return sorted((a for rivals in kept.values() for a in rivals), key=_order)


def _may_coexist(alias: Alias, rival: Alias) -> bool:
    """One company may own a word both as a name and as a ticker (IBM)."""
    return alias.entity_id == rival.entity_id and (alias.kind is AliasKind.TICKER) != (
        rival.kind is AliasKind.TICKER
    )


def _rank(catalogue: Catalogue, alias: Alias) -> tuple[int, int, int, str]:
    country = {"us": 0, "cn": 1, "hk": 1}.get(alias.entity_id.split(".")[0], 2)
    current = alias.kind in {AliasKind.NAME, AliasKind.TICKER, AliasKind.CODE}
    return (
        0 if current else 1,
        country,
        0 if catalogue.entities[alias.entity_id].listed else 1,
        alias.entity_id,
    )


def _order(alias: Alias) -> tuple[str, str, str, str]:
    return (alias.entity_id, alias.kind, alias.alias, str(alias.validity.since or ""))


def _overlap(left: Alias, right: Alias) -> bool:
    starts = max(left.validity.since or _FIRST_DAY, right.validity.since or _FIRST_DAY)
    return starts < min(left.validity.until or _LAST_DAY, right.validity.until or _LAST_DAY)


def write(catalogue: Catalogue, curated: Path, target: Path) -> None:
    """Write entities.csv, aliases.csv and blocked.csv."""
    entities = sorted(catalogue.entities.values(), key=lambda entity: entity.entity_id)
    write_rows(target / "entities.csv", ENTITY_COLUMNS, map(entity_row, entities))
    write_rows(target / "aliases.csv", ALIAS_COLUMNS, map(alias_row, catalogue.aliases))
    blocked = sorted(set(blocked_phrases(curated / "blocked.csv")))
    write_rows(target / "blocked.csv", ("phrase", "language"), blocked)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--source", type=Path, required=True)
    parser.add_argument("--target", type=Path, default=DATA)
    options = parser.parse_args()
    catalogue = build(options.source)
    write(catalogue, CURATED, options.target)
    print(f"{len(catalogue.entities)} entities, {len(catalogue.aliases)} aliases")  # noqa: T201 - a command's output


if __name__ == "__main__":
    main()
