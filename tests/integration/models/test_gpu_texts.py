"""The text side of the GPU repository in a real Triton; its engine models run the same graphs on the CPU."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import numpy as np
import pytest

from streams.local.launcher import LocalParts
from streams.local.layout import project_directory
from streams.models import gpu_repository
from streams.models.export import triton_config
from streams.models.rollout import read_metadata
from streams.models.through_triton import TritonModel
from tests.unit.models import toy_version

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.integration, pytest.mark.slow]

ON_THE_CPU = """
import pathlib, sys, os
sys.path.extend(os.environ.get("PYTHONPATH", "").split(":"))
import numpy as np, onnxruntime
import triton_python_backend_utils as pb

class TritonPythonModel:
    def initialize(self, args):
        path = pathlib.Path(args["model_repository"]) / args["model_version"] / "model.onnx"
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    def execute(self, requests):
        answers = []
        for request in requests:
            feed = {n: pb.get_input_tensor_by_name(request, n).as_numpy() for n in ("input_ids", "attention_mask")}
            answers.append(pb.InferenceResponse([pb.Tensor("logits", self.session.run(["logits"], feed)[0])]))
        return answers
"""
TEXTS = [
    ("Acme warns of a loss", "Acme"), ("Bolt beats estimates", ""), ("亏损增长", ""), ("亏 损 Acme", "Acme"),
    ("a loss " * 40, ""), ("of " * 20, "Bolt"),
]  # fmt: skip


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The GPU repository on CPU engines, and the same version as it is served on a CPU, under another name."""
    folder = tmp_path_factory.mktemp("models")
    version = toy_version.write(tmp_path_factory.mktemp("toy") / "1")
    for name in gpu_repository.write(version, folder)[1:]:
        config = folder / name / "config.pbtxt"
        lines = (
            config.read_text("utf-8")
            .replace('backend: "onnxruntime"', 'backend: "python"')
            .replace("KIND_GPU", "KIND_CPU")
        )
        head, _, rest = lines.partition("optimization {")
        config.write_text(head + rest[rest.index("\nparameters") :], "utf-8")
        (folder / name / "1" / "model.py").write_text(ON_THE_CPU)
    plain = folder / "plain" / "1"
    shutil.copytree(version, plain)
    shutil.copyfile(folder / "sentiment" / "1" / "served.py", plain / "model.py")
    config = triton_config("sentiment", read_metadata(version)).replace('name: "sentiment"', 'name: "plain"')
    (folder / "plain" / "config.pbtxt").write_text(config, "utf-8")
    return folder


@pytest.fixture(scope="module")
def url(models: Path) -> Iterator[str]:
    root = project_directory() / ".local" / "test-gpu-texts" / str(os.getpid())
    parts = LocalParts(root, models=models)
    try:
        found = parts.up({"triton"}).triton
        assert found is not None
        yield found
    finally:
        parts.down(purge=True)
        shutil.rmtree(root, ignore_errors=True)


def test_texts_in_three_buckets_and_two_languages_are_answered_as_on_a_cpu(url: str):
    gpu, plain = TritonModel(url, "sentiment"), TritonModel(url, "plain")
    assert (gpu.labels, gpu.version) == (plain.labels, plain.version)
    assert gpu.score(TEXTS) == pytest.approx(plain.score(TEXTS), abs=0.01)
    gpu.close()
    plain.close()


def test_a_text_is_answered_alike_alone_and_among_others(url: str):
    gpu = TritonModel(url, "sentiment")
    together = gpu.score(TEXTS)
    alone = np.concatenate([gpu.score([item]) for item in TEXTS])
    assert alone == pytest.approx(together, abs=1e-6)
    gpu.close()
