from pathlib import Path

import pytest

import streams
from streams.errors import Misconfigured
from streams.models import development
from streams.models.datasets import Example


def test_texts_of_local_files_are_never_written_into_the_project(tmp_path):
    inside = Path(streams.__file__).parents[1] / "tests" / "development"
    with pytest.raises(Misconfigured, match="inside the project"):
        development.write(tmp_path, inside)
    assert not inside.exists()


def test_headlines_whose_entities_disagree_are_found():
    apart = [Example("A up, B down", "A", 2, "en", "f"), Example("A up, B down", "B", 0, "en", "f")]
    alike = [Example("A and B up", "A", 2, "en", "f"), Example("A and B up", "B", 2, "en", "f")]
    assert development.disagreeing([*apart, *alike]) == apart
