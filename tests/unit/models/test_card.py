import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from streams.cli.model import app
from streams.domain.label import SENTIMENT_LABELS, TOPIC_SLUGS
from streams.errors import Misconfigured
from streams.models import card, reporting

FIGURES = {"n": 10, "accuracy": 0.9, "macro_f1": 0.8765, "ece": 0.02}
MEASURED = {**FIGURES, "intervals": {"accuracy": [0.8, 0.95], "macro_f1": [0.7, 0.9], "ece": [0.01, 0.05]}}


def metadata(task: str, labels: list[str], weights: bytes) -> dict:
    sources = [
        {"path": "a/free.csv", "licence": "MIT"},
        {"path": "a/unclear.csv", "licence": "not stated"},
    ]
    expert = {
        "model": "en.onnx",
        "sha256": hashlib.sha256(weights).hexdigest(),
        "base_model": "base (MIT)",
        "recipe": {"name": f"{task}-en"},
        "seconds": 7200,
        "calibration": {"method": "vector"},
        "note": "two siblings averaged",
    }
    return {
        "task": task,
        "labels": labels,
        "model_version": f"{task}-2.0.0-abcdef12",
        "training_files": sources,
        "training_cutoff": "2023-12-31",
        "experts": {"en": expert},
        "dev": {
            "int8": {"en": FIGURES},
            "int8_by_file": {"a/free.csv": FIGURES},
            "fp32": {"en": FIGURES},
            "ece_cross_fitted": {"en": 0.0216},
            "same_decision_as_fp32": 0.99,
            "batch_invariant": True,
        },
    }


@pytest.fixture
def repository(tmp_path):
    for task, labels in (("sentiment", ["negative", "positive"]), ("topic", ["ipo", "macro"])):
        folder = tmp_path / task / "2"
        folder.mkdir(parents=True)
        content = metadata(task, labels, task.encode())
        (folder / "metadata.json").write_text(json.dumps(content), "utf-8")
        (folder / "en.onnx").write_bytes(task.encode())
        (folder.parent / "config.pbtxt").write_text(content["model_version"])
    evaluated = {
        "model_versions": {"sentiment": "sentiment-2.0.0-abcdef12"},
        "files": {"sentiment": {"posts_en": {**MEASURED, "baselines": {"VADER": {"skipped": "no reason"}}}}},
    }
    (tmp_path / "evaluation.json").write_text(json.dumps(evaluated), "utf-8")
    (tmp_path / "README.md").write_text(card.render(tmp_path), "utf-8")
    return tmp_path


def test_card_names_every_file_with_its_licence_and_how_to_train_without_the_unclear_ones(repository):
    text = card.render(repository)
    assert "| a/free.csv | MIT |" in text
    assert "| a/unclear.csv | not stated |" in text
    assert "`--exclude a/unclear.csv`" in text
    assert "--recipe topic-en" in text


def test_card_shows_figures_with_intervals_versions_time_and_energy(repository):
    text = card.render(repository)
    assert "| English | 10 | 0.900 | 0.876 | 0.020 | 0.022 | 0.876 |" in text
    assert "| sentiment | posts_en | 10 | 0.900 (0.800–0.950) |" in text
    assert "| posts_en | VADER | skipped | no reason |" in text
    assert "| sentiment, en | base (MIT) | sentiment-en | 2.0 h | 0.20 kWh | vector |" in text
    assert "`topic-2.0.0-abcdef12`" in text
    assert "Not measured yet (`sentiwatch model robustness`)" in text
    assert "$" not in text


def test_card_weights_and_reports_that_belong_together_are_no_disagreement(repository):
    assert card.disagreements(repository) == []


def spoil_weights(repository):
    (repository / "topic" / "2" / "en.onnx").write_bytes(b"other")


def spoil_card(repository):
    (repository / "README.md").write_text("written by hand")


def spoil_config(repository):
    (repository / "topic" / "config.pbtxt").write_text("topic-1.9.9")


def spoil_report(repository):
    path = repository / "evaluation.json"
    path.write_text(path.read_text("utf-8").replace("sentiment-2.0.0-abcdef12", "sentiment-1.0.0-0"), "utf-8")


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (spoil_weights, "en.onnx is not the file"),
        (spoil_card, "README.md is not what"),
        (spoil_config, "config.pbtxt does not state"),
        (spoil_report, "is about sentiment-1.0.0-0"),
    ],
)
def test_the_check_fails_where_card_and_weights_disagree(repository, spoil, reason):
    spoil(repository)
    assert any(reason in found for found in card.disagreements(repository))
    with pytest.raises(Misconfigured, match=reason):
        CliRunner().invoke(app, ["card", "--check", "--repo", str(repository)], catch_exceptions=False)


def test_the_card_beside_the_released_weights_agrees_with_them():
    assert card.disagreements(Path(__file__).parents[3] / "model_repo") == []


def test_card_of_a_repository_without_models_is_refused_in_one_line(tmp_path):
    with pytest.raises(Misconfigured, match="sentiwatch model export"):
        card.render(tmp_path)


class Fixed:
    def __init__(self, labels):
        self.labels, self.version = labels, f"{len(labels)}-toy"

    def score(self, pairs):
        return np.tile(np.eye(len(self.labels))[0], (len(pairs), 1))


def test_the_report_evaluates_each_file_with_the_model_of_its_labels(tmp_path):
    (tmp_path / "posts.csv").write_text("text,target,label\na,Acme,negative\n", "utf-8")
    (tmp_path / "topics_en.csv").write_text(f"text,label\na,{TOPIC_SLUGS[0]}\n", "utf-8")
    models = {"sentiment": Fixed(SENTIMENT_LABELS), "topic": Fixed(TOPIC_SLUGS)}
    found = reporting.report(
        models, tmp_path, lambda labelled, _model: {"lexicon": {"n": len(labelled.pairs)}}
    )
    assert found["files"]["sentiment"]["posts"]["accuracy"] == 1
    assert found["files"]["topic"]["topics_en"]["baselines"] == {"lexicon": {"n": 1}}
    assert found["model_versions"] == {"sentiment": "3-toy", "topic": "20-toy"}


def test_every_folder_beside_the_card_is_a_model_because_triton_loads_them_all():
    repository = Path(__file__).parents[3] / "model_repo"
    folders = [place for place in repository.iterdir() if place.is_dir()]
    assert all((place / "config.pbtxt").is_file() for place in folders)
