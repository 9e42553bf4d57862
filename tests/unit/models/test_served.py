from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from streams.models import served
from streams.models.export import triton_config

REPOSITORY = Path(__file__).parents[3] / "model_repo"


class FakeScorer:
    """Answers 1 for every text; cannot read "poison"."""

    def many(self, pairs):
        if any(text == "poison" for text, _ in pairs):
            raise ValueError("poison")
        return np.ones((len(pairs), 1), dtype=np.float32)


def tensor(values):
    return SimpleNamespace(as_numpy=lambda: np.array([[v] for v in values], dtype=object))


def served_model():
    """The model as the stub would drive it, its surroundings replaced by fakes."""
    model = served.TritonPythonModel()
    model._scorer = FakeScorer()
    model._pb = SimpleNamespace(
        get_input_tensor_by_name=lambda request, name: request.get(name),
        Tensor=lambda _name, array: array,
        InferenceResponse=lambda output_tensors, error=None: error or len(output_tensors[0]),
        TritonError=SimpleNamespace,
    )
    model._failed = lambda error: f"failed: {error}"
    return model


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("Profit &amp; loss  https://t.co/x now", "Profit & loss now"),
        ("see www.example.com/a", "see"),
        (" 净利润\n下降 ", "净利润 下降"),
    ],
)
def test_links_entities_and_runs_of_space_are_not_read(text, cleaned):
    assert served.clean(text) == cleaned


def test_text_and_target_are_bounded():
    text, target = served.pair("a" * 10_000, "b" * 500)
    assert len(text) == served.MAX_TEXT_CHARS
    assert len(target) == served.MAX_TARGET_CHARS


def test_requests_are_answered_separately_and_in_order():
    requests = [{"TEXT": tensor([b"a", b"b"]), "TARGET": tensor([b"", b""])}, {"TEXT": tensor([b"c"])}]
    assert served_model().execute(requests) == [2, 1]


def test_bytes_that_are_not_utf8_fail_their_own_request_only():
    answers = served_model().execute(
        [{"TEXT": tensor([b"a"])}, {"TEXT": tensor([b"\xff"])}, {"TEXT": tensor([b"b"])}]
    )
    assert answers[0] == answers[2] == 1
    assert "not UTF-8" in answers[1]


def test_a_text_that_cannot_be_scored_fails_its_own_request_only():
    answers = served_model().execute([{"TEXT": tensor([b"a"])}, {"TEXT": tensor([b"poison"])}])
    assert answers == [1, "failed: poison"]


@pytest.mark.parametrize("task", ["sentiment", "topic"])
def test_the_served_file_is_the_one_in_the_package(task):
    newest = max((f for f in (REPOSITORY / task).iterdir() if f.name.isdigit()), key=lambda f: int(f.name))
    assert (newest / "model.py").read_bytes() == Path(served.__file__).read_bytes()


def test_only_sentiment_takes_a_target():
    metadata = {"labels": ["a", "b"], "model_version": "m-1", "training_cutoff": "2023-12-31"}
    assert "TARGET" in triton_config("sentiment", metadata)
    topic = triton_config("topic", metadata)
    assert "TARGET" not in topic
    assert "dims: [ 2 ]" in topic
    assert r'string_value: "[\"a\", \"b\"]"' in topic


def test_batches_hold_every_text_once_and_one_width_each():
    lengths = [3, 9, 4, 128, 10, 12, 1, 11, 9, 9]
    found = served.batches(lengths)
    assert sorted(place for places in found for place in places) == list(range(len(lengths)))
    assert all(len({served.width_of(lengths[place]) for place in places}) == 1 for places in found)
    assert {len(places) for places in found} <= {1, 2, 4, 8, 16}


def test_the_width_of_a_text_depends_on_the_text_alone():
    assert [served.width_of(n) for n in (1, 4, 5, 128)] == [4, 4, 8, 128]


def test_traditional_characters_are_read_as_simplified_ones_where_the_version_has_the_table(tmp_path):
    assert served.read_simplified(tmp_path) == {}
    table = served.read_simplified(Path(served.__file__).parent)
    assert "淨利潤同比下降,股價跌停".translate(table) == "净利润同比下降,股价跌停"
    assert "净利润下降 Apple".translate(table) == "净利润下降 Apple"
