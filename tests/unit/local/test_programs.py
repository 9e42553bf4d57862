from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from streams.errors import Misconfigured
from streams.local.layout import Layout
from streams.local.programs import (
    Toolbox,
    find_java,
    jars_resolved,
    java_version,
    part_environment,
    pom_hash,
    require_kafka,
)

if TYPE_CHECKING:
    from pathlib import Path


def nowhere(name: str) -> str | None:
    del name
    return None


def no_wheel(name: str) -> Path | None:
    del name
    return None


def java(directory: Path, version: str) -> Path:
    """A program that answers like `java -version`."""
    program = directory / "bin" / "java"
    program.parent.mkdir(parents=True)
    program.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\" 2025-01-01' >&2\n")
    program.chmod(0o755)
    return program


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    found = Layout(tmp_path / ".local", tmp_path)
    found.settings.mkdir(parents=True)
    (found.settings / "pom.xml").write_text("<project/>")
    return found


def test_missing_java_and_maven_are_named_in_one_line(layout: Layout) -> None:
    with pytest.raises(Misconfigured) as refused:
        require_kafka(layout, Toolbox(nowhere, {}, no_wheel))
    said = str(refused.value)
    assert "\n" not in said
    assert "Java 17" in said
    assert "Maven" in said
    assert "SENTIWATCH_KAFKA__BOOTSTRAP" in said


def test_maven_is_not_asked_for_once_the_jars_are_there(layout: Layout, tmp_path: Path) -> None:
    layout.jars.mkdir(parents=True)
    (layout.jars.parent / "pom.sha256").write_text(pom_hash(layout) + "\n")
    program = java(tmp_path / "jdk", "21.0.1")
    tools = Toolbox(nowhere, {"JAVA_HOME": str(tmp_path / "jdk")}, no_wheel)
    assert require_kafka(layout, tools) == program


def test_another_pom_means_other_jars(layout: Layout) -> None:
    layout.jars.mkdir(parents=True)
    (layout.jars.parent / "pom.sha256").write_text(pom_hash(layout))
    assert jars_resolved(layout)
    (layout.settings / "pom.xml").write_text("<project><!-- a newer broker --></project>")
    assert not jars_resolved(layout)


def test_old_java_is_passed_over(tmp_path: Path) -> None:
    old, new = java(tmp_path / "old", "1.8.0_392"), java(tmp_path / "new" / "java-runtime", "25.0.2")
    assert java_version(old) == 1
    tools = Toolbox(lambda _: str(old), {}, lambda _: tmp_path / "new")
    assert find_java(tools) == new


def test_program_that_is_no_java_is_passed_over(tmp_path: Path) -> None:
    assert java_version(tmp_path / "missing") is None


def test_parts_see_none_of_our_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SENTIWATCH_POSTGRES__URL", "postgresql://secret")
    seen = part_environment("kafka@here", EXTRA="1")
    assert not any("secret" in value for value in seen.values())
    assert seen["EXTRA"] == "1"
    assert "PATH" in seen
