"""A model repository of toys: the deployed models' own configuration, answers by `tests.chaos.rule`."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from streams.local.layout import project_directory

HERE = Path(__file__).parent
MODELS = ("sentiment", "topic")
VERSION = re.compile(r'(key: "model_version" value: \{ string_value: ")[^"]*')


def make_repository(folder: Path) -> Path:
    """The repository, made anew; its model versions say that they are toys."""
    shutil.rmtree(folder, ignore_errors=True)
    for model in MODELS:
        version = folder / model / "1"
        version.mkdir(parents=True)
        shutil.copy(HERE / "toy_model" / "model.py", version / "model.py")
        shutil.copy(HERE / "rule.py", version / "rule.py")
        config = (project_directory() / "model_repo" / model / "config.pbtxt").read_text()
        (folder / model / "config.pbtxt").write_text(VERSION.sub(rf"\g<1>{model}-toy-1", config))
    return folder
