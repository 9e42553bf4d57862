"""What every matcher, signer and language detector owes its callers."""

from __future__ import annotations

import subprocess
import sys

import pytest

from streams.adapters.language import FunctionWordDetector
from streams.adapters.memory.texts import MemoryLanguages, MemoryMatcher, MemorySigner
from streams.adapters.minhash import DatasketchSigner
from streams.gazetteer.catalogue import Gazetteer
from streams.gazetteer.matcher import AhoCorasickMatcher
from tests.builders import NOON


@pytest.fixture(scope="module")
def real_matcher() -> AhoCorasickMatcher:
    return AhoCorasickMatcher(Gazetteer.load())


@pytest.fixture(params=["memory", "gazetteer"])
def matcher(request: pytest.FixtureRequest):
    if request.param == "memory":
        return MemoryMatcher({"Apple": "us.aapl", "Microsoft": "us.msft"})
    return request.getfixturevalue("real_matcher")


@pytest.fixture(params=[MemorySigner, DatasketchSigner])
def signer(request: pytest.FixtureRequest):
    return request.param()


@pytest.fixture(params=[MemoryLanguages, FunctionWordDetector])
def languages(request: pytest.FixtureRequest):
    return request.param()


def test_mentions_come_in_the_order_of_the_text_each_once(matcher):
    title, body = "Microsoft sues Apple", "Apple shares fell after Microsoft said it sued Apple."
    found = matcher.find(title, body, (), NOON)
    assert [mention.surface for mention in found] == ["Microsoft", "Apple"]
    assert all(mention.in_title for mention in found)
    assert [mention.first_offset for mention in found] == sorted(mention.first_offset for mention in found)


def test_a_text_without_names_has_no_mentions(matcher):
    assert matcher.find("", "nothing to see here", (), NOON) == ()


def test_a_matcher_states_its_version(matcher):
    assert matcher.version


def test_equal_texts_have_equal_signatures_and_others_have_not(signer):
    one = signer.sign("Acme warns", "of a loss in the third quarter")
    assert one == type(signer)().sign("Acme warns", "of a loss in the third quarter")
    assert one != signer.sign("Bolt rises", "after a good year in all markets")
    assert len(one) == 256


def test_an_empty_text_has_an_empty_signature(signer):
    assert signer.sign("", "") == b""


def test_signatures_are_the_same_in_every_process(signer):
    kind = type(signer)
    program = (
        f"from {kind.__module__} import {kind.__name__} as S;"
        "print(S().sign('Acme warns', 'of a loss in the third quarter').hex())"
    )
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == signer.sign("Acme warns", "of a loss in the third quarter").hex()


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("The company said that profits fell in the third quarter.", "en"),
        ("公司表示第三季度利润下降。", "zh"),
    ],
)
def test_languages_are_told_without_a_hint(languages, text: str, language: str):
    assert languages.detect(text, "") == language
