from __future__ import annotations

import shutil

import pytest

from streams.domain.entity import AliasKind
from streams.errors import Misconfigured
from streams.gazetteer.catalogue import DATA, FILES, Gazetteer
from streams.gazetteer.names import fold

RECORDED = (
    "AAPL ABB ABBV AEP AGFS AMGN AMZN BA BABA BAC BBL BCH BHP BP BRK-A BSAC BUD C CAT CELG CHL"
    " CHTR CMCSA CODI CSCO CVX D DHR DIS DUK EXC FB GD GE GOOG HD HON HRG HSBC IEP INTC JNJ JPM KO"
    " LMT MA MCD MDT MMM MO MRK MSFT NEE NGG NVS ORCL PCG PCLN PEP PFE PG PICO PM PPL PTR RDS-B"
    " REX SLB SNP SNY SO SPLP SRE T TM TOT TSM UL UN UNH UPS UTX V VZ WFC WMT XOM"
)


@pytest.fixture(scope="module")
def gazetteer() -> Gazetteer:
    return Gazetteer.load()


def test_every_alias_belongs_to_an_entity(gazetteer):
    known = {entity.entity_id for entity in gazetteer.entities}
    assert {alias.entity_id for alias in gazetteer.aliases} <= known
    assert len(known) == len(gazetteer.entities)


def test_no_symbol_has_two_owners_on_one_day(gazetteer):
    owners: dict[str, list] = {}
    for alias in gazetteer.aliases:
        if alias.kind in {AliasKind.TICKER, AliasKind.CODE}:
            owners.setdefault(fold(alias.alias), []).append(alias)
    for aliases in owners.values():
        for day in {a.validity.since for a in aliases if a.validity.since}:
            assert len({a.entity_id for a in aliases if a.validity.covers(day)}) <= 1


@pytest.mark.parametrize("symbol", RECORDED.split())
def test_symbols_of_the_recorded_stream_are_known(gazetteer, symbol):
    spelled = {symbol, symbol.replace("-", ".")}
    assert any(a.kind is AliasKind.TICKER and a.alias in spelled for a in gazetteer.aliases)


def test_names_are_written_as_normalised_text_is(gazetteer):
    assert not [
        a.alias for a in gazetteer.aliases if a.alias != a.alias.strip() or "  " in a.alias or not a.alias
    ]


def test_version_is_a_function_of_the_data(tmp_path, gazetteer):
    for name in FILES:
        shutil.copy(DATA / name, tmp_path / name)
    assert Gazetteer.load(tmp_path).version == gazetteer.version
    with (tmp_path / "blocked.csv").open("a", encoding="utf-8") as handle:
        handle.write("another,en\n")
    assert Gazetteer.load(tmp_path).version != gazetteer.version


def test_missing_table_is_one_clear_error(tmp_path):
    with pytest.raises(Misconfigured, match="gazetteer"):
        Gazetteer.load(tmp_path)
