"""Where the launcher keeps things: one state directory a copy, one set of programs a project."""

from __future__ import annotations

import os
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path


def project_directory() -> Path:
    """The checkout this package is installed from (editable), else the working directory."""
    checkout = Path(__file__).resolve().parents[2]
    return checkout if (checkout / "pyproject.toml").is_file() else Path.cwd()


@dataclass(frozen=True, slots=True)
class Layout:
    """Paths of one copy of the local parts.

    ``root`` holds what belongs to this copy (data, logs, state); several copies may run side by side.
    ``project`` holds what they share: environments, jars, the model repository.
    """

    root: Path
    project: Path

    @property
    def run(self) -> Path:
        return self.root / "run"

    @property
    def log(self) -> Path:
        return self.root / "log"

    @property
    def data(self) -> Path:
        return self.root / "data"

    @property
    def jars(self) -> Path:
        return self.project / ".local" / "kafka" / "libs"

    @property
    def settings(self) -> Path:
        """The broker's pom and logging configuration."""
        return self.project / "deploy" / "local"

    @property
    def triton_environment(self) -> Path:
        return self.project / ".local" / "envs" / "triton"

    @property
    def short_name(self) -> str:
        """Ten characters that differ between copies: for names outside ``root``, as in /dev/shm."""
        return sha256(str(self.root).encode()).hexdigest()[:10]


def default_layout(root: Path | None = None) -> Layout:
    """``root``, else ``SENTIWATCH_LOCAL_DIR``, else ``.local`` beside pyproject.toml."""
    project = project_directory()
    chosen = root or Path(os.environ.get("SENTIWATCH_LOCAL_DIR") or project / ".local")
    return Layout(root=chosen.expanduser().absolute(), project=project)
