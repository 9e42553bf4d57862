import json

import pytest
from typer.testing import CliRunner

from streams.cli.model import app
from streams.models.leakage import leaks

TRAINING = [
    ("Acme warns that profit will fall short of last year's because of weak demand in Europe", "a.csv"),
    ("远山科技公布业绩预告，预计上半年净利润同比下降百分之三十", "b.csv"),
    ("Orvia beats estimates", "a.csv"),
]


@pytest.mark.parametrize(
    ("text", "kind", "origin"),
    [
        ("Orvia beats estimates", "exact", "a.csv"),
        ("ORVIA beats   estimates!!", "normalised", "a.csv"),
        (
            "Acme warns that profit will fall short of last year's because of weak demand in Asia",
            "near",
            "a.csv",
        ),
        ("远山科技公布业绩预告，预计上半年净利润同比下降百分之三十一", "near", "b.csv"),
    ],
)
def test_a_text_that_training_has_seen_is_found_and_how(text, kind, origin):
    (found,) = leaks(["Something new", text], TRAINING)
    assert (found.row, found.kind, found.origin) == (2, kind, origin)
    assert found.similarity >= 0.7


def test_texts_that_are_only_about_the_same_are_no_leak():
    assert leaks(["Acme says demand in Europe is strong", "Orvia misses estimates", "???"], TRAINING) == []


@pytest.fixture
def data(tmp_path):
    files = {
        "sentiment_en/tfns_train.csv": "text,label\nAcme slips on weak sales,negative\n",
        "sentiment_en/sentfin_train.csv": "text,entity,label,n_entities\nBolt up,Bolt,positive,1\n",
        "sentiment_en/finentity.json": "[]",
        "sentiment_zh/finfe_train.csv": "text,label\n满仓抄底,positive\n",
        "sentiment_zh/news_binary_train.csv": "date,company,code,text,label\n19,远山,1,远山：亏损,negative\n",
        "topic_en/tfnt_train.csv": "text,label\nFed raises rates again,Fed & Central Banks\n",
        "topic_zh/finnl_train.json": json.dumps([["欧元下跌", "外国 外汇"]]),
    }
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content, "utf-8")
    return tmp_path


def asked(data, content: str):
    file = data / "asked.csv"
    file.write_text(content, "utf-8")
    return CliRunner().invoke(app, ["leakage", "--file", str(file), "--data", str(data), "--whole", "--json"])


def test_the_command_ends_with_1_and_the_rows_where_a_text_is_known(data):
    result = asked(data, "text\nnothing alike\nFED raises rates - again\n")
    assert result.exit_code == 1
    answer = json.loads(result.stdout.splitlines()[0])
    assert [(leak["row"], leak["kind"]) for leak in answer["leaks"]] == [(2, "normalised")]


def test_the_command_ends_with_0_where_every_text_is_new(data):
    result = asked(data, "text\nnothing alike\n")
    assert (result.exit_code, json.loads(result.stdout)["leaks"]) == (0, [])
