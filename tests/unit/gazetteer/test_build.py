"""The builder on small lists of our own."""

from __future__ import annotations

import pytest

from streams.domain.entity import AliasKind
from streams.gazetteer.build import build, write
from streams.gazetteer.names import a_share_names, fold, western_names

LISTS = {
    "constituents.csv": (
        "Symbol,Security,GICS Sector\n"
        "ACM,Acme Widgets Inc.,Industrials\nBIGA,Big Co. (Class A),Energy\n"
        "BIGB,Big Co. (Class B),Energy\nTGT,Target Corporation,Staples\n"
    ),
    "all_code.csv": (
        "stock_code,short_name,exchange,list_date\n600001,测试银行,SH,2001-01-01\n600002,旧股,SH,\n"
    ),
    "a_share_names.csv": (
        "code,name,all_names,mentions,sources\n600001,测试银行,测试银行|老测试行|XD测试银,3,x\n"
        "834567,北方样本,北方样本,1,x\n"
        "920567,北方样本,北方样本,1,x\n000003,样  本Ａ,样  本Ａ|*ST样本科技,1,x\n"
    ),
    "entity_list_comprehensive.csv": (
        ',Symbol,Entity\n0,TESTCO,"Test Company Ltd., Test Company, TESTCO"\n'
        '1,METALSPACE,"metal stocks, metal"\n'
        '2,COPYCAT,"Acme Widgets Ltd., Acme Widgets"\n'
    ),
}
CURATED = {
    "companies.csv": (
        "entity_id,kind,symbol,exchange,name,country,absorbs,names,symbols\n"
        "us.biga,,,,Big Company,,us.bigb,大公司|Biggie~=,BIGA|BIGB\n"
        "us.old,company,OLD,XNYS,Old Corp,US,,Old Corp,OLD@:2020-01-01\n"
        "us.new,company,OLD,XNYS,New Corp,US,,New Corp@2019-05-01:,OLD@2020-01-01:|HK:00042\n"
    ),
    "ordinary_words.csv": "word,language\ntarget,en\n",
    "blocked.csv": "phrase,language,reason\nbig deal,en,a phrase\n",
}


@pytest.fixture
def catalogue(tmp_path):
    for name, text in {**LISTS, **CURATED}.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    return build(tmp_path, tmp_path)


def named(catalogue, entity_id):
    return {alias.alias: alias for alias in catalogue.aliases if alias.entity_id == entity_id}


def test_share_classes_are_one_company(catalogue):
    assert "us.bigb" not in catalogue.entities
    assert {"BIGA", "BIGB", "Big Company", "大公司"} <= set(named(catalogue, "us.biga"))


def test_symbol_passes_to_its_next_owner(catalogue):
    assert str(named(catalogue, "us.old")["OLD"].validity.until) == "2020-01-01"
    assert str(named(catalogue, "us.new")["OLD"].validity.since) == "2020-01-01"
    assert not catalogue.entities["us.old"].listed


def test_marks_of_curated_names(catalogue):
    biggie = named(catalogue, "us.biga")["Biggie"]
    assert (biggie.ambiguous, biggie.case_sensitive) == (True, True)
    assert named(catalogue, "us.new")["XHKG:00042"].kind is AliasKind.CODE


def test_word_without_its_legal_form_is_ambiguous(catalogue):
    names = named(catalogue, "us.tgt")
    assert (names["Target"].ambiguous, names["Target Corporation"].ambiguous) == (True, False)


def test_company_without_a_listing_date_is_kept_and_flagged(catalogue):
    assert catalogue.entities["cn.600001"].listed
    assert not catalogue.entities["cn.600002"].listed


def test_old_beijing_code_is_the_new_ones(catalogue):
    assert "cn.834567" not in catalogue.entities
    assert {"BJSE:834567", "BJSE:920567"} <= set(named(catalogue, "cn.920567"))


def test_sectors_are_no_companies(catalogue):
    assert "in.testco" in catalogue.entities
    assert "in.metalspace" not in catalogue.entities


def test_name_claimed_twice_goes_to_one_company(catalogue):
    owners = [alias.entity_id for alias in catalogue.aliases if fold(alias.alias) == "acme widgets"]
    assert owners == ["us.acm"]


def test_same_sources_give_the_same_bytes(catalogue, tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    for target in (first, second):
        target.mkdir()
        write(build(tmp_path, tmp_path), tmp_path, target)
    assert {p.name: p.read_bytes() for p in first.iterdir()} == {
        p.name: p.read_bytes() for p in second.iterdir()
    }


@pytest.mark.parametrize(
    ("short", "names"),
    [
        ("万  科Ａ", ["万科A", "万科"]),
        ("*ST国华", ["*ST国华", "ST国华"]),
        ("奥比中光-W", ["奥比中光-W", "奥比中光"]),
        ("XD中国联", []),
        ("TCL科技", ["TCL科技"]),
    ],
)
def test_a_share_name_forms(short, names):
    assert a_share_names(short) == names


def test_legal_forms_are_stripped_one_by_one():
    assert western_names("Acme Group Holdings, Inc.") == [
        "Acme Group Holdings, Inc.",
        "Acme Group Holdings",
        "Acme Group",
        "Acme",
    ]


@pytest.mark.parametrize("text", ["İstanbul", "ΑΣ", "O’Reilly–Auto", "京东"])
def test_folding_keeps_the_length(text):
    assert len(fold(text)) == len(text)
