"""Texts that a model's process dies of: found, refused, and the process brought back to life.

Triton never restarts a dead stub process of its Python backend and goes on calling itself healthy. Every request in flight
fails with it, guilty or not, and so does every later one. So when a request fails in this way, the model's traffic is held
up, the process is revived, and the request is asked again: whole at first, then text by text, since a crash costs seconds
and an answer milliseconds.

A text is refused only after it was fatal ``FATAL`` times, alone, each time right after a harmless text was answered. An
outage, another worker's poison or a killed process therefore never condemn a text: what cannot be revived is `Unavailable`.
"""

from __future__ import annotations

import asyncio
import logging
import random
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from streams.domain.score import Question
from streams.errors import Dependency, Poisonous, Unavailable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

    from streams.domain.document import Probabilities

    Answers = list[Probabilities | None]
    Infer = Callable[[str, Sequence[Question]], Awaitable[Answers]]

log = logging.getLogger(__name__)

CONTROL = Question("The company published its annual report.")
FATAL = 3
REVIVALS = 3
APART_SECONDS = 1.0
"""A harmless text and the suspect after it take some hundredths: two workers rarely meet in them, hardly ever three times."""


class ModelFailed(Unavailable):
    """The model's process died, or failed, on a request."""


class NotLoaded(Unavailable):
    """The server knows the model and does not serve it: a worker may have died between unloading and loading it."""


class Ward:
    """The traffic of one model: open, or held up while one request is examined."""

    def __init__(
        self, model: str, infer: Infer, reload: Callable[[str], Awaitable[None]], apart: float = APART_SECONDS
    ) -> None:
        self._model = model
        self._apart = apart
        self._infer = infer
        self._reload = reload
        self._examining = asyncio.Lock()
        self._inside = 0
        self._empty = asyncio.Event()
        self._empty.set()

    async def ask(self, questions: Sequence[Question]) -> Answers:
        """The answers in order; None for a text that is fatal.

        Raises:
            Poisonous: the server refuses the request; nothing died.
            Unavailable: the server does not answer, or the model cannot be revived.
        """
        try:
            async with self._passing():
                return await self._infer(self._model, questions)
        except (ModelFailed, NotLoaded) as error:
            log.warning("%s", error)
        async with self._alone():
            return await self._examine(questions)

    @asynccontextmanager
    async def _passing(self) -> AsyncIterator[None]:
        while self._examining.locked():
            async with self._examining:
                pass
        self._inside += 1
        self._empty.clear()
        try:
            yield
        finally:
            self._inside -= 1
            if not self._inside:
                self._empty.set()

    @asynccontextmanager
    async def _alone(self) -> AsyncIterator[None]:
        async with self._examining:
            await self._empty.wait()
            yield

    async def _examine(self, questions: Sequence[Question]) -> Answers:
        await self._revive()
        try:
            return await self._infer(self._model, questions)
        except ModelFailed:
            return [await self._by_itself(question) for question in questions]

    async def _by_itself(self, question: Question) -> Probabilities | None:
        for attempt in range(FATAL):
            if attempt:
                # Another worker may examine too, and have waited for the same reload: do not go on in step with it.
                await asyncio.sleep(random.uniform(0, self._apart))  # noqa: S311 - spreads attempts, no secret
            await self._revive()
            try:
                return (await self._infer(self._model, [question]))[0]
            except Poisonous:
                return None
            except ModelFailed as error:
                log.warning("%s", error)
        await self._revive()
        log.warning("a text is refused: model %s failed on it %d times, alone", self._model, FATAL)
        return None

    async def _revive(self) -> None:
        """Until a harmless text is answered."""
        for _ in range(REVIVALS):
            try:
                await self._infer(self._model, [CONTROL])
            except (ModelFailed, NotLoaded):
                log.warning("reloading model %s: its process does not answer", self._model)
                await self._reload(self._model)
            else:
                return
        raise Unavailable(
            f"model {self._model} does not answer although it was loaded again: restart Triton",
            Dependency.TRITON,
        )
