import json
from pathlib import Path

import pytest

from streams.errors import Misconfigured
from streams.models import gates

METADATA = {
    "task": "topic",
    "dev": {"int8": {"all": {"macro_f1": 0.8, "ece": 0.02}}, "batch_invariant": True},
}


def written(tmp_path, text: str):
    path = tmp_path / "gates.toml"
    path.write_text(text, "utf-8")
    return gates.read(path)


def stated(figure: str, bound: str) -> str:
    return f'[[gate]]\ntask = "topic"\nfigure = "{figure}"\n{bound}\n'


def nothing_measured(_file, _target):
    return None


@pytest.mark.parametrize(
    ("figure", "bound", "reason"),
    [
        ("dev.int8.all.macro_f1", "at_least = 0.8", []),
        ("dev.int8.all.macro_f1", "at_least = 0.81", ["dev.int8.all.macro_f1 is 0.8, below 0.81"]),
        ("dev.int8.all.ece", "at_most = 0.01", ["dev.int8.all.ece is 0.02, above 0.01"]),
        ("dev.batch_invariant", "is = true", []),
        ("dev.batch_invariant", "is = false", ["dev.batch_invariant is True, not False"]),
        ("dev.int8.zh.macro_f1", "at_least = 0.1", ["dev.int8.zh.macro_f1 is not stated"]),
    ],
)
def test_a_version_is_refused_for_each_figure_out_of_bounds(tmp_path, figure, bound, reason):
    rules = written(tmp_path, stated(figure, bound))
    assert gates.refusals(rules, METADATA, nothing_measured) == reason


def test_gates_of_another_task_do_not_count_and_a_task_without_gates_is_refused(tmp_path):
    rules = written(tmp_path, stated("dev.int8.all.macro_f1", "at_least = 0.8"))
    assert gates.refusals(rules, {**METADATA, "task": "sentiment"}, nothing_measured) == [
        "there is no gate for sentiment"
    ]


def test_a_file_is_measured_once_for_all_gates_that_name_it(tmp_path):
    asked = []

    def measure(file, target):
        asked.append((file, target))
        return {"accuracy": 0.7, "macro_f1": 0.9}

    table = '[[gate]]\ntask = "topic"\nfile = "a.csv"\nfigure = "{}"\nat_least = 0.8\n'
    rules = written(tmp_path, table.format("accuracy") + table.format("macro_f1"))
    assert gates.refusals(rules, METADATA, measure) == ["a.csv accuracy is 0.7, below 0.8"]
    assert asked == [("a.csv", None)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("not toml", "is not TOML"),
        ('[[gate]]\ntask = "topic"\nfigure = "x"\n', "at_least, at_most or is"),
        ('[[gate]]\ntask = "topic"\nfigure = "x"\nat_leest = 1\n', "at_leest"),
    ],
)
def test_a_gates_file_with_a_mistake_is_refused_in_one_line(tmp_path, text, message):
    with pytest.raises(Misconfigured, match=message):
        written(tmp_path, text)


@pytest.mark.parametrize("task", ["sentiment", "topic"])
def test_the_served_versions_pass_the_gates_beside_them(task):
    repository = Path(__file__).parents[3] / "model_repo"
    newest = max((p for p in (repository / task).iterdir() if p.name.isdecimal()), key=lambda p: int(p.name))
    metadata = json.loads((newest / "metadata.json").read_text("utf-8"))
    assert gates.refusals(gates.read(repository / "gates.toml"), metadata, nothing_measured) == []
