"""What every classifier owes its callers: the twin in memory and the models on Triton."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from streams.adapters.memory.classifier import MemoryClassifier
from streams.adapters.triton.client import TritonClassifier
from streams.domain.label import SENTIMENT_LABELS, TOPIC_SLUGS
from streams.domain.score import SCALE, SENTIMENT, TOPIC, Question
from streams.errors import Unavailable
from streams.settings import TritonSettings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from streams.ports import Classifier

TEXTS = (
    "Acme warns of a loss",
    "Acme beats expectations and raises its outlook for the year; shares jump",
    "央行今日开展1000亿元逆回购操作",
    "Yes",
    "The committee left rates unchanged. " * 12,
)


@pytest.fixture(params=["memory", pytest.param("triton", marks=pytest.mark.integration)])
async def classifier(request: pytest.FixtureRequest) -> AsyncIterator[Classifier]:
    if request.param == "memory":
        yield MemoryClassifier()
        return
    url = request.getfixturevalue("triton_url")
    async with TritonClassifier(url, TritonSettings(url=url, batch=4)) as connected:
        yield connected


def questions() -> list[Question]:
    return [Question(text, target) for text in TEXTS for target in ("", "Acme")]


@pytest.mark.parametrize(("model", "labels"), [(SENTIMENT, SENTIMENT_LABELS), (TOPIC, TOPIC_SLUGS)])
async def test_a_model_states_its_version_and_our_labels(classifier: Classifier, model: str, labels):
    info = await classifier.info(model)
    assert (info.model, info.labels) == (model, tuple(labels))
    assert info.version.startswith(model)


@pytest.mark.parametrize(("model", "width"), [(SENTIMENT, 3), (TOPIC, 20)])
async def test_there_is_a_distribution_for_each_question(classifier: Classifier, model: str, width: int):
    answers = await classifier.classify(model, questions())
    assert len(answers) == len(questions())
    for found in answers:
        assert found is not None
        assert len(found.values) == width
        assert sum(found.values) == pytest.approx(SCALE, abs=width)
        assert found.version == (await classifier.info(model)).version


async def test_answers_do_not_depend_on_the_batch_or_its_order(classifier: Classifier):
    together = await classifier.classify(SENTIMENT, questions())
    backwards = await classifier.classify(SENTIMENT, questions()[::-1])
    alone = [(await classifier.classify(SENTIMENT, [question]))[0] for question in questions()]
    assert together == backwards[::-1] == alone


async def test_no_question_has_no_answer(classifier: Classifier):
    assert await classifier.classify(TOPIC, []) == []


async def test_the_twin_refuses_a_text_alone():
    twin = MemoryClassifier(refused=frozenset({TEXTS[0]}))
    answers = await twin.classify(TOPIC, [Question(text) for text in TEXTS])
    assert [found is None for found in answers] == [True, False, False, False, False]


async def test_a_server_that_is_away_is_unavailable(unused_tcp_port: int):
    url = f"127.0.0.1:{unused_tcp_port}"
    async with TritonClassifier(url, TritonSettings(url=url)) as away:
        with pytest.raises(Unavailable):
            await away.info(TOPIC)
        with pytest.raises(Unavailable):
            await away.classify(TOPIC, [Question("text")])
