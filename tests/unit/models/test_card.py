import json

import pytest

from streams.errors import Misconfigured
from streams.models import card


def metadata(task: str, labels: list[str]) -> dict:
    figures = {"n": 10, "accuracy": 0.9, "macro_f1": 0.8765, "ece": 0.02}
    return {
        "task": task,
        "labels": labels,
        "model_version": f"{task}-1.0.0-abcdef12",
        "base_model": "base",
        "training_files": [
            {"path": "a/free.csv", "licence": "MIT"},
            {"path": "a/unclear.csv", "licence": "not stated"},
        ],
        "training_cutoff": "2023-12-31",
        "recipe": {"epochs": 2, "seed": 17, "freeze_embeddings": False},
        "temperature": 1.25,
        "dev": {
            "int8": {"all": figures, "en": figures},
            "int8_by_file": {"all": figures, "a/free.csv": figures},
            "fp32": {"all": figures, "en": figures},
            "same_decision_as_fp32": 0.99,
            "batch_invariant": True,
        },
    }


@pytest.fixture
def repository(tmp_path):
    for task, labels in (("sentiment", ["negative", "positive"]), ("topic", ["ipo", "macro"])):
        folder = tmp_path / task / "1"
        folder.mkdir(parents=True)
        (folder / "metadata.json").write_text(json.dumps(metadata(task, labels)), "utf-8")
    return tmp_path


def test_card_names_every_file_with_its_licence_and_how_to_train_without_the_unclear_ones(repository):
    text = card.render(repository)
    assert "| a/free.csv | MIT |" in text
    assert "| a/unclear.csv | not stated |" in text
    assert "--out OUT/topic --exclude a/unclear.csv" in text
    assert "--exclude a/free.csv" not in text


def test_card_shows_the_measured_figures_and_versions(repository):
    text = card.render(repository)
    assert "| English | 10 | 0.900 | 0.876 | 0.020 | 0.876 |" in text
    assert "`topic-1.0.0-abcdef12`" in text
    assert "$" not in text


def test_card_of_a_repository_without_models_is_refused_in_one_line(tmp_path):
    with pytest.raises(Misconfigured, match="sentiwatch model export"):
        card.render(tmp_path)
