"""Promotion and rollback on a real Triton of this module's own, with toy models under constant load.

The server that other tests share is left alone: versions change here.
"""

from __future__ import annotations

import json
import os
import shutil
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from streams.adapters.triton.client import TritonClassifier
from streams.domain.label import SENTIMENT_LABELS
from streams.domain.score import SENTIMENT, Question
from streams.errors import Misconfigured
from streams.local.launcher import LocalParts
from streams.local.layout import project_directory
from streams.models.export import triton_config
from streams.models.rollout import Repository
from streams.models.through_triton import TritonModel
from streams.settings import TritonSettings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.integration, pytest.mark.slow]

TOY = """
import json, pathlib, time
import numpy as np
import triton_python_backend_utils as pb

class TritonPythonModel:
    def initialize(self, args):
        folder = pathlib.Path(args["model_repository"]) / args["model_version"]
        self.kind = json.loads((folder / "metadata.json").read_text())["kind"]
        if self.kind == "does not load":
            raise pb.TritonModelException("toy: does not load")
        time.sleep(0.5)  # a load takes its time, and requests go on meanwhile

    def execute(self, requests):
        if self.kind == "does not answer":
            raise ValueError("toy: does not answer")
        answers = []
        for request in requests:
            rows = len(pb.get_input_tensor_by_name(request, "TEXT").as_numpy())
            answers.append(pb.InferenceResponse([pb.Tensor("PROBABILITIES", np.full((rows, 3), 1 / 3, np.float32))]))
        return answers
"""


def version(folder: Path, name: str, kind: str = "works") -> Path:
    """A version directory as `model export` would leave it."""
    folder.mkdir(parents=True)
    metadata = {
        "task": SENTIMENT, "labels": list(SENTIMENT_LABELS), "model_version": f"sentiment-toy-{name}",
        "training_cutoff": "2023-12-31", "kind": kind,
    }  # fmt: skip
    (folder / "metadata.json").write_text(json.dumps(metadata))
    (folder / "model.py").write_text(TOY)
    return folder


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """A model repository with the first toy, and the address of a Triton that serves it."""
    folder = tmp_path_factory.mktemp("models")
    first = version(folder / SENTIMENT / "1", "one")
    metadata = json.loads((first / "metadata.json").read_text())
    (folder / SENTIMENT / "config.pbtxt").write_text(triton_config(SENTIMENT, metadata))
    root = project_directory() / ".local" / "test-rollout" / str(os.getpid())
    parts = LocalParts(root, models=folder)
    try:
        url = parts.up({"triton"}).triton
        assert url is not None
        yield folder, url
    finally:
        parts.down(purge=True)
        shutil.rmtree(root, ignore_errors=True)


@pytest.fixture
def repository(running: tuple[Path, str]) -> Iterator[Repository]:
    """The repository, back at its first version afterwards."""
    server = Repository(*running)
    yield server
    if server.served(SENTIMENT) != 1:
        server.rollback(SENTIMENT, 1)
    for number in server.versions(SENTIMENT):
        if number > 1:
            shutil.rmtree(server.folder / SENTIMENT / str(number))
    server.close()


@contextmanager
def constant_load(url: str) -> Iterator[list[str]]:
    """Three clients that never pause; what they could not get done is in the list."""
    errors: list[str] = []
    asked = [0, 0, 0]
    over = threading.Event()

    def ask(place: int) -> None:
        model = TritonModel(url, SENTIMENT)
        while not over.is_set():
            try:
                model.score([("text", "")] * 8)
                asked[place] += 1
            except Exception as error:  # noqa: BLE001 - whatever a client meets counts
                errors.append(repr(error))
        model.close()

    clients = [threading.Thread(target=ask, args=(place,)) for place in range(len(asked))]
    for client in clients:
        client.start()
    try:
        yield errors
    finally:
        over.set()
        for client in clients:
            client.join()
    assert min(asked) > 0


def becomes_ready(repository: Repository, seconds: float = 60) -> bool:
    """Whether the server calls itself ready again; what is unloaded takes a moment to go."""
    deadline = time.monotonic() + seconds
    while not repository._client.is_server_ready():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def test_no_request_fails_while_a_version_is_rolled_out_and_back(repository: Repository, tmp_path: Path):
    candidate = version(tmp_path / "candidate", "two")
    with constant_load(repository.url) as errors:
        rolled = repository.promote(candidate)
        assert (rolled.version, rolled.before, rolled.model_version) == (2, 1, "sentiment-toy-two")
        assert TritonModel(repository.url, SENTIMENT).version == "sentiment-toy-two"
        back = repository.rollback(SENTIMENT)
        assert (back.version, back.model_version) == (1, "sentiment-toy-one")
    assert errors == []
    assert repository.versions(SENTIMENT) == [1, 2]
    assert becomes_ready(repository)


@pytest.mark.parametrize("fault", ["does not load", "does not answer"])
def test_a_broken_version_never_meets_a_request_and_leaves_nothing_behind(
    repository: Repository, tmp_path: Path, fault: str
):
    with constant_load(repository.url) as errors, pytest.raises(Misconfigured, match=fault):
        repository.promote(version(tmp_path / "candidate", "broken", fault))
    assert errors == []
    assert [place.name for place in repository.folder.iterdir()] == [SENTIMENT]
    assert repository.versions(SENTIMENT) == [1]
    assert TritonModel(repository.url, SENTIMENT).version == "sentiment-toy-one"
    assert becomes_ready(repository)


def test_a_version_that_breaks_in_its_last_step_is_removed_and_the_old_one_serves_on(
    repository: Repository, tmp_path: Path
):
    def spoil(_name: str) -> list[str]:
        (candidate / "model.py").write_text("raise ValueError('spoilt meanwhile')")
        return []

    candidate = version(tmp_path / "candidate", "spoilt")
    with constant_load(repository.url) as errors, pytest.raises(Misconfigured, match="spoilt"):
        repository.promote(candidate, spoil)
    assert errors == []
    assert repository.versions(SENTIMENT) == [1]
    assert TritonModel(repository.url, SENTIMENT).version == "sentiment-toy-one"
    assert becomes_ready(repository)


def test_a_version_that_the_gates_refuse_is_not_rolled_out(repository: Repository, tmp_path: Path):
    def refuse(name: str) -> list[str]:
        assert TritonModel(repository.url, name).version == "sentiment-toy-weak"
        return ["macro_f1 is 0.1, below 0.8"]

    with pytest.raises(Misconfigured, match=r"sentiment-toy-weak is refused: macro_f1 is 0\.1"):
        repository.promote(version(tmp_path / "candidate", "weak"), refuse)
    assert repository.versions(SENTIMENT) == [1]


async def test_answers_name_the_version_that_gave_them_before_and_after_a_rollout(
    repository: Repository, tmp_path: Path
):
    settings = TritonSettings(url=repository.url)
    async with TritonClassifier(repository.url, settings) as classifier:
        (before,) = await classifier.classify(SENTIMENT, [Question("text")])
        repository.promote(version(tmp_path / "candidate", "two"))
        (after,) = await classifier.classify(SENTIMENT, [Question("text")])
    assert before is not None
    assert after is not None
    assert (before.version, after.version) == ("sentiment-toy-one", "sentiment-toy-two")


def test_there_is_nothing_to_roll_back_to_before_the_first_version(repository: Repository):
    with pytest.raises(Misconfigured, match="no version before 1"):
        repository.rollback(SENTIMENT)
