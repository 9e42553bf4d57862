import json
import sys

import pytest

from streams.errors import Misconfigured
from streams.models import export, training
from streams.models.evaluation import CheckpointModel, OnnxModel
from streams.models.recipes import Recipe


@pytest.fixture(autouse=True)
def without_torch(monkeypatch):
    for name in ("torch", "transformers", "onnxruntime"):
        monkeypatch.setitem(sys.modules, name, None)


@pytest.fixture
def checkpoint(tmp_path):
    (tmp_path / "recipe.json").write_text(json.dumps({"task": "topic"}), "utf-8")
    return tmp_path


def test_training_without_torch_names_the_extra(tmp_path):
    with pytest.raises(Misconfigured, match=r"`train` extra"):
        training.train(Recipe(task="topic"), tmp_path, tmp_path, tmp_path / "out")


def test_export_without_torch_names_the_extra_and_touches_nothing(checkpoint, tmp_path):
    with pytest.raises(Misconfigured, match=r"`train` extra"):
        export.export([checkpoint], "topic", tmp_path / "repo", 2)
    assert not (tmp_path / "repo").exists()


def test_export_of_another_tasks_checkpoint_is_refused(checkpoint, tmp_path):
    with pytest.raises(Misconfigured, match="holds a topic model, not sentiment"):
        export.export([checkpoint], "sentiment", tmp_path / "repo", 2)


def test_export_of_a_model_that_is_served_otherwise_than_it_learnt_is_refused(checkpoint, tmp_path):
    (checkpoint / "recipe.json").write_text(json.dumps({"task": "topic", "target": "text"}), "utf-8")
    with pytest.raises(Misconfigured, match="marked in the text"):
        export.export([checkpoint], "topic", tmp_path / "repo", 2)


def test_evaluation_through_a_checkpoint_without_torch_names_the_extra(checkpoint):
    with pytest.raises(Misconfigured, match=r"`train` extra"):
        CheckpointModel(checkpoint)


def test_evaluation_through_onnx_without_the_runtime_names_the_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    metadata = {"labels": ["a"], "calibration": {"scale": [1.0], "bias": [0.0]}}
    (tmp_path / "metadata.json").write_text(json.dumps(metadata), "utf-8")
    with pytest.raises(Misconfigured, match=r"`train` extra"):
        OnnxModel(tmp_path)
