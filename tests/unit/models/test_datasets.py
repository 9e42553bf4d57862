import json

import pytest

from streams.domain.label import SENTIMENT_LABELS, TOPIC_SLUGS
from streams.errors import Misconfigured
from streams.models import datasets
from streams.models.splitting import duplicate_key


@pytest.fixture
def data(tmp_path):
    files = {
        "sentiment_en/tfns_train.csv": "text,label\n$AAPL slips,negative\n$A and $B rise,positive\n",
        "sentiment_en/sentfin_train.csv": (
            "text,entity,label,n_entities\nAcme up,Acme,positive,1\n"
            "Acme up; Orvia down,Acme,positive,2\nAcme up; Orvia down,Orvia,negative,2\n"
        ),
        "sentiment_en/finentity.json": json.dumps(
            [
                {
                    "content": "Oil rose.",
                    "annotations": [{"start": 0, "end": 3, "value": "Oil", "label": "Positive"}],
                }
            ]
        ),
        "sentiment_zh/finfe_train.csv": "text,label\n满仓抄底,positive\n",
        "sentiment_zh/news_binary_train.csv": "date,company,code,text,label\n19,远山,1,远山：亏损,negative\n",
        "topic_en/tfnt_train.csv": "text,label\nFed raises rates,Fed & Central Banks\n",
        "topic_zh/finnl_train.json": json.dumps([["欧元下跌", "外国 外汇"], ["无", "费劲"]]),
    }
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content, "utf-8")
    return tmp_path


def of(examples, origin):
    return [e for e in examples if e.origin == origin]


def test_only_a_single_cashtag_serves_as_target(data):
    posts = of(datasets.load("sentiment", data), "sentiment_en/tfns_train.csv")
    assert [e.target for e in posts] == ["AAPL", ""]


def test_target_of_a_headline_about_several_companies_is_never_hidden(data):
    headlines = of(datasets.load("sentiment", data), "sentiment_en/sentfin_train.csv")
    assert [e.target_dropout for e in headlines] == [0.5, 0.0, 0.0]
    assert [SENTIMENT_LABELS[e.label] for e in headlines] == ["positive", "positive", "negative"]


def test_labels_and_languages_are_read_from_every_format(data):
    sentiment = datasets.load("sentiment", data)
    assert SENTIMENT_LABELS[of(sentiment, "sentiment_en/finentity.json")[0].label] == "positive"
    assert of(sentiment, "sentiment_zh/news_binary_train.csv")[0].target == "远山"
    topics = datasets.load("topic", data)
    assert TOPIC_SLUGS[of(topics, "topic_en/tfnt_train.csv")[0].label] == "fed_central_banks"
    assert [TOPIC_SLUGS[e.label] for e in of(topics, "topic_zh/finnl_train.json")] == ["currencies"]


@pytest.mark.parametrize("name", ["sentiment_zh/finfe_train.csv", "finfe_train.csv"])
def test_excluded_file_is_neither_read_nor_named(data, name):
    (data / "sentiment_zh/finfe_train.csv").unlink()
    examples = datasets.load("sentiment", data, exclude=[name])
    assert not of(examples, "sentiment_zh/finfe_train.csv")
    assert all("finfe" not in source.path for source in datasets.used_sources("sentiment", [name]))


def test_missing_file_is_one_line_that_says_how_to_leave_it_out(data):
    (data / "topic_en/tfnt_train.csv").unlink()
    with pytest.raises(Misconfigured, match=r"--exclude topic_en/tfnt_train\.csv"):
        datasets.load("topic", data)


@pytest.mark.parametrize("task", ["sentiment", "topic"])
def test_own_sentences_are_reproducible_filled_and_consistently_labelled(task):
    first, second = list(datasets.own_sentences(task)), list(datasets.own_sentences(task))
    assert first == second
    assert not any("{" in e.text for e in first)
    by_text: dict[str, set[int]] = {}
    for e in first:
        by_text.setdefault(duplicate_key(e.text), set()).add(e.label)
    assert all(len(labels) == 1 for labels in by_text.values())


def test_own_sentences_cover_both_languages_and_all_sentiments():
    seen = {(e.language, e.label) for e in datasets.own_sentences("sentiment")}
    assert seen == {(language, label) for language in ("en", "zh") for label in range(3)}
