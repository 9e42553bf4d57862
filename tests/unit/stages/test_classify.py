"""The scoring stage on in-memory parts: who is asked, and for what."""

import pytest

from streams.adapters.memory.classifier import MemoryClassifier
from streams.domain.entity import MARKET, EntityMention, MatchMethod
from streams.domain.score import SENTIMENT, TOPIC, ScoreKey
from streams.errors import Unavailable
from streams.stages.classify import RecentScores, ScoringStage
from tests.builders import LIKELY, document, enriched, infos, memory_store


def company(name: str, entity: str) -> EntityMention:
    return EntityMention(entity, name, 0, 1, in_title=True, relevance=90, method=MatchMethod.NAME)


def about(words: str, *names: str, **changes):
    mentions = tuple(company(name, f"x.{name.lower()}") for name in names)
    return enriched(document(source_id=words, title=words, **changes), mentions=mentions)


class Fixture:
    def __init__(self, capacity: int = 1000, refused: frozenset[str] = frozenset()) -> None:
        self.classifier = MemoryClassifier(refused=refused)
        self.scores = memory_store().scores
        self.capacity = capacity
        self.stage = self.another()

    def another(self) -> ScoringStage:
        return ScoringStage(self.classifier, self.scores, infos(), self.capacity)


@pytest.fixture
def fixture() -> Fixture:
    return Fixture()


async def test_a_document_gets_one_topic_and_a_sentiment_for_market_and_each_company(fixture: Fixture):
    result = await fixture.stage.classify([about("warns", "Acme", "Bolt")])
    (scored,) = result.documents
    assert [mention.entity_id for mention in scored.mentions] == [MARKET, "x.acme", "x.bolt"]
    assert scored.topic in infos()[TOPIC].labels
    assert (scored.sentiment_version, scored.topic_version) == ("sentiment-memory-1", "topic-memory-1")
    assert [model for model, _ in fixture.classifier.asked].count(SENTIMENT) == 3
    assert [model for model, _ in fixture.classifier.asked].count(TOPIC) == 1


async def test_equal_texts_are_asked_once_and_new_answers_are_handed_on_once(fixture: Fixture):
    copies = [about("warns", "Acme") for _ in range(5)]
    result = await fixture.stage.classify(copies)
    assert len(fixture.classifier.asked) == len(result.scores) == 3
    assert len({scored.mentions for scored in result.documents}) == 1


async def test_what_was_answered_before_is_neither_asked_nor_stored_again(fixture: Fixture):
    first = await fixture.stage.classify([about("warns", "Acme")])
    fixture.classifier.asked.clear()
    again = await fixture.stage.classify([about("warns", "Acme")])
    assert (fixture.classifier.asked, again.scores) == ([], ())
    assert again.documents == first.documents


async def test_stored_answers_are_used_by_another_process(fixture: Fixture):
    first = await fixture.stage.classify([about("warns", "Acme")])
    fixture.scores.keep(first.scores)
    fixture.classifier.asked.clear()
    again = await fixture.another().classify([about("warns", "Acme"), about("rises", "Acme")])
    assert {question.text.split("\n")[0] for _, question in fixture.classifier.asked} == {"rises"}
    assert again.documents[0] == first.documents[0]


async def test_a_refused_text_does_not_take_its_neighbours_along():
    bad = about("poison", "Acme")
    fixture = Fixture(refused=frozenset({bad.text}))
    result = await fixture.stage.classify([about("warns"), bad, about("rises")])
    assert [item.enriched.document.title for item in result.documents] == ["warns", "rises"]
    assert result.refused == (bad,)


async def test_a_withdrawn_document_is_not_asked_about(fixture: Fixture):
    result = await fixture.stage.classify([about("", deleted=True, content="")])
    assert fixture.classifier.asked == []
    assert (result.documents[0].mentions, result.documents[0].topic) == ((), "")


async def test_the_order_of_documents_is_kept(fixture: Fixture):
    words = [f"text {number}" for number in range(20)]
    result = await fixture.stage.classify([about(word) for word in words])
    assert [item.enriched.document.title for item in result.documents] == words


def test_recent_scores_forget_the_longest_unused():
    recent = RecentScores(2)
    keys = [(TOPIC, "v", ScoreKey(bytes([number]), "")) for number in range(3)]
    recent.put(keys[0], LIKELY)
    recent.put(keys[1], LIKELY)
    assert recent.get(keys[0]) == LIKELY
    recent.put(keys[2], LIKELY)
    assert [recent.get(key) for key in keys] == [LIKELY, None, LIKELY]


async def test_a_new_model_version_scores_new_documents_and_old_scores_stay(fixture: Fixture):
    first = await fixture.stage.classify([about("warns", "Acme")])
    fixture.scores.keep(first.scores)
    fixture.classifier.version = "memory-2"
    again = await fixture.stage.classify([about("rises", "Acme")])
    assert again.documents[0].sentiment_version == "sentiment-memory-2"
    assert {score.version for score in again.scores} == {"sentiment-memory-2", "topic-memory-2"}
    assert {info.version for info in fixture.scores.models} == {"sentiment-memory-2", "topic-memory-2"}
    (key, *_) = [score.key for score in first.scores if score.model == SENTIMENT]
    assert await fixture.scores.lookup(SENTIMENT, "sentiment-memory-1", [key])


async def test_a_slice_in_the_middle_of_a_rollout_is_scored_by_one_version(fixture: Fixture):
    await fixture.stage.classify([about("warns", "Acme")])
    fixture.classifier.version = "memory-2"
    result = await fixture.stage.classify([about("warns", "Acme"), about("rises", "Acme")])
    assert {item.sentiment_version for item in result.documents} == {"sentiment-memory-2"}
    assert {score.version for score in result.scores if score.model == SENTIMENT} == {"sentiment-memory-2"}
    assert len([score for score in result.scores if score.model == SENTIMENT]) == 4


class Restless(MemoryClassifier):
    async def classify(self, model, questions):
        self.version += "+"
        return await super().classify(model, questions)


async def test_a_server_that_never_settles_on_a_version_is_unavailable(fixture: Fixture):
    fixture.classifier = Restless()
    with pytest.raises(Unavailable, match="again and again"):
        await fixture.another().classify([about("warns")])
