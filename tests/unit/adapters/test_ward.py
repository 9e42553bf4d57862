"""A model whose process dies of a text, behind a server that does not notice."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from streams.adapters.triton.ward import CONTROL, FATAL, ModelFailed, NotLoaded, Ward
from streams.domain.document import Probabilities
from streams.domain.score import Question
from streams.errors import Dependency, Poisonous, Unavailable

if TYPE_CHECKING:
    from collections.abc import Sequence

ANSWER = Probabilities((1, 2, 3))


class Server:
    """Answers until a text kills the model; a reload brings it back, if it may."""

    def __init__(self) -> None:
        self.alive = True
        self.loaded = True
        self.revivable = True
        self.reloads = 0
        self.crashes = 0
        self.asked: list[tuple[str, ...]] = []

    async def infer(self, model: str, questions: Sequence[Question]):
        self.asked.append(tuple(question.text for question in questions))
        await asyncio.sleep(0)
        if not self.loaded:
            raise NotLoaded("no available versions", Dependency.TRITON)
        if any("refused" in question.text for question in questions):
            raise Poisonous("refused")
        if any("fatal" in question.text for question in questions) and self.alive:
            self.alive = False
            self.crashes += 1
        if not self.alive:
            raise ModelFailed("Stub process is not healthy", Dependency.TRITON)
        return [ANSWER] * len(questions)

    async def reload(self, model: str) -> None:
        self.reloads += 1
        await asyncio.sleep(0)
        self.alive = self.loaded = self.revivable

    def ward(self) -> Ward:
        return Ward("sentiment", self.infer, self.reload, apart=0)


def questions(*texts: str) -> list[Question]:
    return [Question(text) for text in texts]


async def test_a_fatal_text_is_refused_and_its_neighbours_are_answered():
    server = Server()
    answers = await server.ward().ask(questions("a", "fatal", "b"))
    assert answers == [ANSWER, None, ANSWER]
    assert server.alive


async def test_two_fatal_texts_in_one_request_are_both_found():
    server = Server()
    answers = await server.ward().ask(questions("fatal 1", "a", "fatal 2", "b"))
    assert answers == [None, ANSWER, None, ANSWER]


async def test_a_text_is_refused_only_after_it_was_fatal_alone_each_time_after_a_harmless_answer():
    server = Server()
    await server.ward().ask(questions("a", "fatal"))
    alone = [place for place, texts in enumerate(server.asked) if texts == ("fatal",)]
    assert len(alone) == FATAL
    for place in alone[1:]:
        assert server.asked[place - 1] == (CONTROL.text,)


async def test_a_killed_process_costs_no_text_its_answer():
    server = Server()
    server.alive = False
    assert await server.ward().ask(questions("a", "b")) == [ANSWER, ANSWER]
    assert server.reloads == 1


async def test_requests_in_flight_beside_a_fatal_one_are_answered():
    server = Server()
    ward = server.ward()
    asked = [questions("a", "b"), questions("c", "fatal"), questions("d"), questions("e")]
    answers = await asyncio.gather(*(ward.ask(one) for one in asked))
    assert answers == [[ANSWER] * 2, [ANSWER, None], [ANSWER], [ANSWER]]


async def test_a_model_that_does_not_come_back_is_unavailable_and_condemns_nothing():
    server = Server()
    server.alive = server.revivable = False
    with pytest.raises(Unavailable, match="restart Triton"):
        await server.ward().ask(questions("a"))


async def test_a_model_left_unloaded_is_loaded():
    server = Server()
    server.loaded = False
    assert await server.ward().ask(questions("a")) == [ANSWER]


async def test_a_refused_request_is_no_crash():
    server = Server()
    with pytest.raises(Poisonous):
        await server.ward().ask(questions("refused", "a"))
    assert server.reloads == 0


async def test_a_server_that_goes_away_meanwhile_condemns_nothing():
    server = Server()
    server.alive = False

    async def away(model: str) -> None:
        raise Unavailable("connection refused", Dependency.TRITON)

    with pytest.raises(Unavailable, match="connection refused"):
        await Ward("topic", server.infer, away, apart=0).ask(questions("a"))
