"""The classifier on a Triton Inference Server, over gRPC.

What a status means (checked by running, design 03): UNAVAILABLE → try again later; INVALID_ARGUMENT → bisect, the
culprit is one text; NOT_FOUND → the model is not loaded; INTERNAL → the model's process died ("Stub process …", while health
stays green) or failed on a text: see `streams.adapters.triton.ward`.
Python objects never travel: strings are encoded to bytes here (None would arrive as the text "None").
"""

from __future__ import annotations

import asyncio
import json
from contextlib import contextmanager
from typing import TYPE_CHECKING

import grpc
import numpy as np
from tritonclient.grpc import InferInput, InferRequestedOutput
from tritonclient.grpc.aio import InferenceServerClient
from tritonclient.utils import InferenceServerException

from streams.adapters.triton.ward import CONTROL, ModelFailed, NotLoaded, Ward
from streams.domain.document import Probabilities
from streams.domain.label import SENTIMENT_LABELS, TOPICS
from streams.domain.score import SENTIMENT, TOPIC, ModelInfo, quantise
from streams.errors import Dependency, Misconfigured, Poisonous, Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import TracebackType
    from typing import Self

    from streams.domain.score import Question
    from streams.settings import TritonSettings

EXPECTED_LABELS = {SENTIMENT: tuple(SENTIMENT_LABELS), TOPIC: tuple(topic.slug for topic in TOPICS)}
OUTPUT = "PROBABILITIES"
KINDS: dict[str, type[Unavailable]] = {"INTERNAL": ModelFailed, "NOT_FOUND": NotLoaded}


@contextmanager
def translated(model: str) -> Iterator[None]:
    """Triton's errors as ours."""
    try:
        yield
    except InferenceServerException as error:
        status = str(error.status() or "")
        if "INVALID_ARGUMENT" in status:
            msg = f"model {model} refuses the request: {error.message()}"
            raise Poisonous(msg) from error
        msg = f"Triton does not serve {model} now: {status} {error.message()}".strip()
        kind = next((kind for name, kind in KINDS.items() if name in status), Unavailable)
        raise kind(msg, Dependency.TRITON) from error
    except (TimeoutError, grpc.RpcError, OSError) as error:
        msg = f"Triton does not answer: {error}"
        raise Unavailable(msg, Dependency.TRITON) from error


class TritonClassifier:
    """Batches of texts in bounded numbers of requests. Create it inside the running loop (one client a loop)."""

    def __init__(self, url: str, settings: TritonSettings) -> None:
        self._client = InferenceServerClient(url)
        self._settings = settings
        self._in_flight = asyncio.Semaphore(settings.in_flight)
        self._versions: dict[tuple[str, str], str] = {}
        self._wards = {model: Ward(model, self._infer, self._reload) for model in EXPECTED_LABELS}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._client.close()

    async def info(self, model: str) -> ModelInfo:
        """Version and labels as served; see `streams.ports.Classifier`."""
        return await self._describe(model, "")

    async def _describe(self, model: str, number: str) -> ModelInfo:
        """What the configuration of one version directory states; "" = the newest that is served."""
        with translated(model):
            answer = await self._client.get_model_config(
                model, number, as_json=True, client_timeout=self._timeout
            )
        parameters = {
            name: value["string_value"] for name, value in answer["config"].get("parameters", {}).items()
        }
        try:
            found = ModelInfo(model, parameters["model_version"], tuple(json.loads(parameters["labels"])))
        except (KeyError, ValueError) as error:
            msg = f"model {model} on Triton states no model_version and labels: not one of ours"
            raise Misconfigured(msg) from error
        if found.labels != EXPECTED_LABELS[model]:
            msg = f"model {model} on Triton answers with labels {', '.join(found.labels)}: another release's model"
            raise Misconfigured(msg)
        return found

    @property
    def _timeout(self) -> float:
        return self._settings.timeout.total_seconds()

    async def classify(self, model: str, questions: Sequence[Question]) -> list[Probabilities | None]:
        """Probabilities in question order; see `streams.ports.Classifier`.

        Sorted by length, so that a request's texts cost about the same and no model instance waits for one long text.
        """
        order = sorted(range(len(questions)), key=lambda index: len(questions[index].text))
        size = self._settings.batch
        slices = [order[start : start + size] for start in range(0, len(order), size)]
        answers = await asyncio.gather(
            *(self._isolate(model, [questions[i] for i in part]) for part in slices)
        )
        result: list[Probabilities | None] = [None] * len(questions)
        for part, rows in zip(slices, answers, strict=True):
            for index, row in zip(part, rows, strict=True):
                result[index] = row
        return result

    async def _isolate(self, model: str, questions: Sequence[Question]) -> list[Probabilities | None]:
        try:
            return await self._wards[model].ask(questions)
        except Poisonous:
            if len(questions) == 1:
                return [None]
            middle = len(questions) // 2
            return [
                *await self._isolate(model, questions[:middle]),
                *await self._isolate(model, questions[middle:]),
            ]

    async def probe(self) -> None:
        """A harmless question to every model; see `streams.ports.Classifier`."""
        await asyncio.gather(*(ward.ask([CONTROL]) for ward in self._wards.values()))

    async def _reload(self, model: str) -> None:
        """Unload and load, which is what brings a dead model process back; a load alone does not."""
        with translated(model):
            await self._client.unload_model(model, client_timeout=self._timeout)
            await self._client.load_model(model, client_timeout=self._timeout)

    async def _infer(self, model: str, questions: Sequence[Question]) -> list[Probabilities | None]:
        inputs = [text_input("TEXT", [question.text for question in questions])]
        if model == SENTIMENT:
            inputs.append(text_input("TARGET", [question.target for question in questions]))
        async with self._in_flight:
            with translated(model):
                answer = await self._client.infer(
                    model, inputs, outputs=[InferRequestedOutput(OUTPUT)], client_timeout=self._timeout
                )
        rows = answer.as_numpy(OUTPUT)
        if rows is None or rows.shape != (len(questions), len(EXPECTED_LABELS[model])):
            msg = f"model {model} on Triton answers with another shape than its labels"
            raise Misconfigured(msg)
        version = await self._version(model, answer.get_response().model_version)
        return [Probabilities(quantise(row), version) for row in rows.astype(np.float64).tolist()]

    async def _version(self, model: str, number: str) -> str:
        """The model version in a version directory, which is never edited in place."""
        if (model, number) not in self._versions:
            self._versions[model, number] = (await self._describe(model, number)).version
        return self._versions[model, number]


def text_input(name: str, texts: Sequence[str]) -> InferInput:
    """A (n, 1) BYTES tensor of UTF-8 texts."""
    tensor = InferInput(name, [len(texts), 1], "BYTES")
    tensor.set_data_from_numpy(np.array([[text.encode()] for text in texts], dtype=np.object_))
    return tensor
