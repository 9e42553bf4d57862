"""The release gate: figures that a model version must reach before it may serve.

`gates.toml` beside the models holds `[[gate]]` tables:

    [[gate]]
    task = "sentiment"
    figure = "dev.int8.en.macro_f1"   # a path into metadata.json
    at_least = 0.82                    # or at_most, or is = true

    [[gate]]
    task = "sentiment"
    file = "posts_en.csv"              # measured through the server, where `promote --dev FOLDER` has the file
    target_column = "target"
    figure = "accuracy"
    at_least = 0.85
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from streams.errors import Misconfigured

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

_FIELDS = {"task", "figure", "at_least", "at_most", "is", "file", "target_column"}


@dataclass(frozen=True, slots=True)
class Gate:
    """One figure and its bound; `file` empty = stated by the version itself."""

    task: str
    figure: str
    at_least: float | None = None
    at_most: float | None = None
    exactly: bool | None = None
    file: str = ""
    target_column: str | None = None

    def refusal(self, figures: Mapping[str, Any]) -> str:
        """Why these figures do not pass; empty when they do."""
        name = f"{self.file} {self.figure}".strip()
        value: Any = figures
        for part in self.figure.split("."):
            value = value.get(part) if isinstance(value, dict) else None
        if not isinstance(value, int | float):
            return f"{name} is not stated"
        if self.exactly is not None and value is not self.exactly:
            return f"{name} is {value}, not {self.exactly}"
        if self.at_least is not None and value < self.at_least:
            return f"{name} is {value}, below {self.at_least}"
        if self.at_most is not None and value > self.at_most:
            return f"{name} is {value}, above {self.at_most}"
        return ""


def read(path: Path) -> list[Gate]:
    """The gates of a file.

    Raises:
        Misconfigured: no such file, not TOML, or a table that is no gate.
    """
    try:
        tables = tomllib.loads(path.read_text("utf-8")).get("gate", [])
    except OSError as error:
        raise Misconfigured(f"cannot read the gates {path}: {error.strerror}") from error
    except tomllib.TOMLDecodeError as error:
        raise Misconfigured(f"{path} is not TOML: {error}") from error
    return [_gate(path, table) for table in tables]


def _gate(path: Path, table: dict[str, Any]) -> Gate:
    unknown = set(table) - _FIELDS
    bounds = [name for name in ("at_least", "at_most", "is") if name in table]
    if unknown or not bounds or not {"task", "figure"} <= set(table):
        raise Misconfigured(
            f"{path}: a gate has task, figure and at_least, at_most or is (file, target_column); found {table}"
        )
    renamed = {"exactly" if name == "is" else name: value for name, value in table.items()}
    return Gate(**renamed)


def refusals(
    gates: Sequence[Gate],
    metadata: Mapping[str, Any],
    measure: Callable[[str, str | None], Mapping[str, Any] | None],
) -> list[str]:
    """What keeps a version back; `measure(file, target column)` returns None where there is no such file.

    A file that several gates name is measured once.
    """
    mine = [gate for gate in gates if gate.task == metadata["task"]]
    if not mine:
        return [f"there is no gate for {metadata['task']}"]
    found = [gate.refusal(metadata) for gate in mine if not gate.file]
    measured: dict[tuple[str, str | None], Mapping[str, Any] | None] = {}
    for gate in mine:
        if not gate.file:
            continue
        key = (gate.file, gate.target_column)
        if key not in measured:
            measured[key] = measure(*key)
        figures = measured[key]
        if figures is not None:
            found.append(gate.refusal(figures))
    return [reason for reason in found if reason]
