"""Copies of the local parts for tests that kill them, and a model without weights for their Triton."""

from __future__ import annotations

import contextlib
import os
import shutil
from typing import TYPE_CHECKING

import pytest

from streams.local.launcher import LocalParts
from streams.local.layout import project_directory
from tests.traces import traces_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

CONFIGURATION = """
backend: "python"
max_batch_size: 8
input [ { name: "TEXT" data_type: TYPE_STRING dims: [1] } ]
output [ { name: "LENGTH" data_type: TYPE_FP32 dims: [1] } ]
instance_group [ { kind: KIND_CPU count: 1 } ]
"""
MODEL = """
import numpy as np
import triton_python_backend_utils as pb

class TritonPythonModel:
    def execute(self, requests):
        texts = [pb.get_input_tensor_by_name(request, "TEXT").as_numpy() for request in requests]
        lengths = [np.array([[len(row[0])] for row in rows], np.float32) for rows in texts]
        return [pb.InferenceResponse([pb.Tensor("LENGTH", length)]) for length in lengths]
"""


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model repository with one tiny model, in a path that needs quoting."""
    repository = tmp_path_factory.mktemp("model repository")
    version = repository / "length" / "1"
    version.mkdir(parents=True)
    (version.parent / "config.pbtxt").write_text(f'name: "length"{CONFIGURATION}')
    (version / "model.py").write_text(MODEL)
    return repository


@pytest.fixture
def new_copy(models: Path) -> Iterator[Callable[[str], LocalParts]]:
    """Makes copies with state of their own; afterwards nothing of them may be left."""
    with _copies(models) as make:
        yield make


@pytest.fixture(scope="module")
def standing(models: Path) -> Iterator[LocalParts]:
    """A copy that is up, for tests that only look at it."""
    with _copies(models) as make:
        copy = make("standing")
        copy.up()
        yield copy


@contextlib.contextmanager
def _copies(models: Path) -> Iterator[Callable[[str], LocalParts]]:
    made: list[LocalParts] = []

    def make(name: str) -> LocalParts:
        root = project_directory() / ".local" / "test-launcher" / f"{name}-{os.getpid()}"
        made.append(LocalParts(root, models=models))
        return made[-1]

    yield make
    for copy in made:
        copy.down(purge=True)
        left = traces_of(copy.layout.root)
        shutil.rmtree(copy.layout.root, ignore_errors=True)
        assert left == []


@pytest.fixture
def copy(new_copy: Callable[[str], LocalParts]) -> LocalParts:
    return new_copy("copy")
