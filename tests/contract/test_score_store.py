"""What every score store owes its callers."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import pytest

from streams.adapters.postgres.scores import PostgresScoreStore
from streams.domain.batch import Batch
from streams.domain.document import Probabilities
from streams.domain.score import SENTIMENT, TOPIC, ScoreKey
from tests.builders import LIKELY, memory_store, new_score
from tests.databases import document_store, open_run

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from streams.domain.batch import NewScore
    from streams.ports import ScoreStore

    Keep = Callable[..., Awaitable[None]]


@pytest.fixture(params=["memory", pytest.param("postgres", marks=pytest.mark.integration)])
async def stored(request: pytest.FixtureRequest) -> AsyncIterator[tuple[ScoreStore, Keep]]:
    """A score store, and how scores get there: with a batch."""
    if request.param == "memory":
        documents = memory_store()
        yield documents.scores, keeper(documents)
        return
    async with open_run(request.getfixturevalue("migrated")) as (database, run):
        yield PostgresScoreStore(database), keeper(document_store(database, run))


def keeper(documents):
    async def keep(*scores: NewScore) -> None:
        await documents.persist(Batch((), (), (), scores))

    return keep


def text() -> str:
    return f"Acme warns {uuid.uuid4()}"


async def test_only_what_is_stored_is_found(stored):
    store, keep = stored
    known, unknown = new_score(text()), new_score(text())
    await keep(known)
    assert await store.lookup(SENTIMENT, "sentiment-1", [known.key, unknown.key]) == {known.key: LIKELY}


async def test_an_answer_belongs_to_its_model_version_and_target(stored):
    store, keep = stored
    known = new_score(text(), "Acme")
    await keep(known)
    assert await store.lookup(SENTIMENT, "sentiment-2", [known.key]) == {}
    assert await store.lookup(TOPIC, "sentiment-1", [known.key]) == {}
    assert await store.lookup(SENTIMENT, "sentiment-1", [ScoreKey(known.key.text_hash, "")]) == {}


async def test_the_first_answer_stays(stored):
    store, keep = stored
    words = text()
    await keep(new_score(words))
    await keep(new_score(words, value=Probabilities((0, 0, 10_000))))
    assert await store.lookup(SENTIMENT, "sentiment-1", [new_score(words).key]) == {
        new_score(words).key: LIKELY
    }


async def test_asking_for_nothing_finds_nothing(stored):
    assert await stored[0].lookup(SENTIMENT, "sentiment-1", []) == {}
