"""A small synchronous client for measuring: full requests, a few in flight.

The worker has its own (adapters/triton).
"""

from __future__ import annotations

import json
from collections import deque
from concurrent.futures import Future
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from streams.errors import Misconfigured, Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

REQUEST = 32
IN_FLIGHT = 4
DEADLINE_S = 60.0


class TritonModel:
    """One served model; `labels` and `version` come from its own configuration."""

    def __init__(self, url: str, task: str) -> None:
        from tritonclient import grpc

        self._grpc, self._url, self._task = grpc, url, task
        with self._translated():
            self._client = grpc.InferenceServerClient(url)
            config = self._client.get_model_config(task, as_json=True, client_timeout=DEADLINE_S)["config"]
        parameters = config["parameters"]
        self.labels: tuple[str, ...] = tuple(json.loads(parameters["labels"]["string_value"]))
        self.version: str = parameters["model_version"]["string_value"]
        self._has_target = any(tensor["name"] == "TARGET" for tensor in config["input"])

    def score(self, pairs: Sequence[tuple[str, str]]) -> NDArray[np.float64]:
        """Probabilities of (text, target) pairs, shape (pairs, labels), in their order.

        Raises:
            Unavailable: the server does not answer.
            Misconfigured: it refuses the request.
        """
        waiting: deque[Future[Any]] = deque()
        answers: list[NDArray[np.float64]] = []
        with self._translated():
            for start in range(0, len(pairs), REQUEST):
                if len(waiting) == IN_FLIGHT:
                    answers.append(self._result(waiting.popleft()))
                waiting.append(self._sent(pairs[start : start + REQUEST]))
            answers.extend(self._result(answer) for answer in waiting)
        return np.concatenate(answers) if answers else np.zeros((0, len(self.labels)))

    def close(self) -> None:
        """End the connection."""
        self._client.close()

    def _inputs(self, pairs: Sequence[tuple[str, str]]) -> list[Any]:
        columns = {"TEXT": [text for text, _ in pairs]}
        if self._has_target:
            columns["TARGET"] = [target for _, target in pairs]
        return [self._tensor(name, values) for name, values in columns.items()]

    def _tensor(self, name: str, values: Sequence[str]) -> Any:
        tensor = self._grpc.InferInput(name, [len(values), 1], "BYTES")
        tensor.set_data_from_numpy(np.array([[value.encode()] for value in values], dtype=np.object_))
        return tensor

    def _sent(self, pairs: Sequence[tuple[str, str]]) -> Future[Any]:
        answer: Future[Any] = Future()

        def done(result: Any, error: Exception | None) -> None:
            if error is None:
                answer.set_result(result)
            else:
                answer.set_exception(error)

        self._client.async_infer(self._task, self._inputs(pairs), callback=done, client_timeout=DEADLINE_S)
        return answer

    @staticmethod
    def _result(answer: Future[Any]) -> NDArray[np.float64]:
        return np.asarray(answer.result().as_numpy("PROBABILITIES"), dtype=np.float64)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        from tritonclient.utils import InferenceServerException

        try:
            yield
        except InferenceServerException as error:
            message = f"Triton at {self._url}, model {self._task}: {error.message()}"
            if "UNAVAILABLE" in str(error.status()) or "DEADLINE" in str(error.status()):
                raise Unavailable(message) from error
            raise Misconfigured(message) from error
