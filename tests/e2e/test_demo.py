"""The demo command on real parts of its own: slow, and worth it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from streams.local.layout import project_directory
from streams.local.processes import Ownership, owned

if TYPE_CHECKING:
    from collections.abc import Mapping

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

GIVEN = (
    "SENTIWATCH_KAFKA__BOOTSTRAP",
    "SENTIWATCH_TRITON__URL",
    "SENTIWATCH_POSTGRES__URL",
    "SENTIWATCH_RUN",
)
LIMIT_SECONDS = 900


@pytest.fixture
def environment(tmp_path) -> Mapping[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in GIVEN}
    return {**kept, "SENTIWATCH_LOCAL_DIR": str(tmp_path / "state"), "COLUMNS": "200"}


@pytest.fixture
def finished(environment) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "streams", "demo", "--once", "--seed", "7"]
    return subprocess.run(
        command,
        env=environment,
        cwd=project_directory(),
        capture_output=True,
        text=True,
        timeout=LIMIT_SECONDS,
        check=False,
    )


def test_demo_finds_exactly_what_was_planted_and_leaves_nothing(finished, environment):
    said = finished.stdout + finished.stderr
    assert finished.returncode == 0, said
    rows = [line for line in finished.stdout.splitlines() if "as planted" in line]
    # the four planted events, the malformed records, and everything else without an alert
    assert len(rows) == 6, said
    assert "WRONG" not in said
    assert any(row.split()[:2] == ["echo", "storm"] and "one story" in row for row in rows), said
    state = Path(environment["SENTIWATCH_LOCAL_DIR"])
    assert not (state / "data" / "kafka").exists()
    assert not (state / "data" / "postgres").exists()
    for part in ("kafka", "triton", "postgres"):
        assert not owned(Ownership(f"{part}@{state}", None))
