from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from streams.errors import Misconfigured
from streams.replay.experiment import read_experiment

if TYPE_CHECKING:
    from pathlib import Path

WHOLE = """
name: budgets
base: june
from: 2026-06-01T00:00:00Z
prices: prices
variants:
  stricter: {set: {detector.count_p: 1.0e-8, detector.min_sources: 4}}
  again: {detect_only: false, topics: [news.raw.v1]}
"""


def test_each_variant_is_a_replay_of_its_own(tmp_path: Path):
    (tmp_path / "budgets.yaml").write_text(WHOLE)
    found = read_experiment(tmp_path / "budgets.yaml")
    stricter, again = found.requests().values()
    assert (stricter.name, stricter.base) == ("budgets-stricter", "june")
    assert stricter.changes == ("detector.count_p=1e-08", "detector.min_sources=4")
    assert stricter.since == datetime(2026, 6, 1, tzinfo=UTC)
    assert (again.base, again.topics) == ("", ("news.raw.v1",))
    assert found.prices == tmp_path / "prices"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name: [", "while parsing"),
        ("- a", "the file"),
        ("name: x\nbase: y\nvariants: {}", "variants"),
        ("name: x\nbase: y\nvariants: {a: {sett: {}}}", "variants.a.sett"),
        ("name: x y\nbase: y\nvariants: {a: {}}", "name"),
        ("name: x\nbase: y\nfrom: 2026-06-01T00:00:00\nvariants: {a: {}}", "from"),
    ],
)
def test_a_mistake_is_named_with_its_place(tmp_path: Path, text: str, said: str):
    (tmp_path / "x.yaml").write_text(text)
    with pytest.raises(Misconfigured, match=said):
        read_experiment(tmp_path / "x.yaml")
