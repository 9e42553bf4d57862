"""The bias and robustness report on a toy with a known fault."""

import json

import numpy as np
import pytest

from streams.domain.label import SENTIMENT_LABELS
from streams.models import robustness
from streams.models.datasets import own_sentences
from streams.models.robustness_report import write
from streams.models.splitting import duplicate_key


class Prejudiced:
    """Neutral about everybody but one company, and confused by capitals."""

    labels = SENTIMENT_LABELS
    version = "sentiment-toy"

    def score(self, pairs):
        bad = [target == "Okonkwo Energy" or text.isupper() for text, target in pairs]
        return np.array([[0.8, 0.1, 0.1] if b else [0.1, 0.8, 0.1] for b in bad])


@pytest.fixture(scope="module")
def report():
    return robustness.report(Prejudiced())


def test_a_model_that_reads_one_company_otherwise_is_found_out(report):
    failures = report["swaps_failures"]
    assert {row["kind"] for row in failures} == {"company"}
    assert all("Okonkwo" in row["text"] and row["said"] == "negative" for row in failures)
    assert report["swaps"]["country"]["flips"] == report["swaps"]["person"]["flips"] == 0
    assert not report["passed"]


def test_writing_that_changes_the_answer_is_named(report):
    assert report["perturbations"]["upper case"]["flip_rate"] == 1
    assert report["perturbations"]["emoji"]["flips"] == 0


def test_every_kind_of_name_and_of_writing_is_tried(report):
    assert set(report["swaps"]) == {"all", *robustness.SLOTS}
    assert {"typos", "full-width forms", "traditional characters", "link"} <= set(report["perturbations"])
    assert all(row["n"] > 0 for group in ("swaps", "perturbations") for row in report[group].values())


def test_a_rate_lies_in_its_interval(report):
    for row in report["swaps"].values():
        assert row["interval"][0] <= row["flip_rate"] <= row["interval"][1]


def test_no_sentence_of_the_report_was_trained_on():
    trained = {duplicate_key(e.text) for task in ("sentiment", "topic") for e in own_sentences(task)}
    assert not trained & {duplicate_key(s.text) for s in robustness.base_sentences()}


def test_the_report_is_written_as_json_text_and_picture(report, tmp_path):
    paths = write(report, tmp_path)
    assert json.loads(paths[0].read_text("utf-8"))["swaps"] == report["swaps"]
    assert "| company |" in paths[1].read_text("utf-8")
    assert paths[2].read_bytes().startswith(b"\x89PNG")
