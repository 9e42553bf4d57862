import re

import pytest

from streams.models import synthetic

AMOUNTS = re.compile(r"\d+(?:\.\d+)?")


@pytest.fixture(scope="module")
def news():
    return [s for s in synthetic.sentences("sentiment") if ":company_news:" in s.template]


def test_company_news_has_every_reading_in_both_languages(news):
    seen = {(s.language, s.label) for s in news}
    assert seen == {(lang, label) for lang in ("en", "zh") for label in ("negative", "neutral", "positive")}


def test_a_profit_that_rises_does_rise(news):
    risen = [s.text for s in news if s.language == "en" and " rose to " in s.text and " from " in s.text]
    assert risen
    for text in risen:
        after, before = (
            float(AMOUNTS.search(part)[0]) for part in text.split(" rose to ")[1].split(" from ")[:2]
        )
        assert after > before, text


def test_nothing_falls_by_more_than_all_of_it(news):
    for sentence in news:
        if sentence.label == "negative":
            for percent in re.findall(r"(?:fell|shrank|declined) by ([\d.]+)%", sentence.text):
                assert float(percent) < 100, sentence.text


def test_a_company_has_one_name_in_a_sentence(news):
    assert all(s.target in s.text for s in news if s.target)


def test_every_slot_of_every_template_is_known():
    slots = synthetic._table("slots")
    drawn = {"lo", "hi", "percent", "drop"}
    for task in ("sentiment", "topic"):
        for file, _ in synthetic.FILES[task]:
            for language, by_label in synthetic._table(file).items():
                for templates in by_label.values():
                    used = {name for t in templates for name in re.findall(r"\{(\w+)\}", t)}
                    assert used <= drawn | set(slots[language])
