"""NVIDIA's Triton server with its Python backend, from a wheel in an environment of its own.

Two facts shape the start (checked on Triton 2.51 of nvidia-pytriton 0.7.0):

- The backend's stub is an isolated interpreter: PYTHONPATH and PYTHONHOME mean nothing to it. It finds its
  packages because the first `python3` on PATH is that of the environment.
- The backend starts the stub through a shell without quoting: paths with spaces are handed over as links.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from streams.errors import Misconfigured
from streams.local import readiness
from streams.local.processes import Launch, Ownership
from streams.local.programs import part_environment
from streams.local.sockets import LOOPBACK

if TYPE_CHECKING:
    from collections.abc import Mapping

    from streams.local.layout import Layout
    from streams.local.processes import ProcessId

SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - POSIX shared memory lives there, it is no temporary file
PLAIN_PATH = re.compile(r"[A-Za-z0-9_./+@%-]+")
# Where the interpreter's shared library is: the stub links to it, a wheel cannot bring it.
LIBRARY_PROBE = """
import sys, sysconfig, pathlib
name = sysconfig.get_config_var("INSTSONAME") or ""
places = [sysconfig.get_config_var("LIBDIR"), sys.base_prefix + "/lib"]
places += ["/usr/lib/x86_64-linux-gnu", "/usr/lib64"]
print(next((place for place in places if place and ".so" in name and pathlib.Path(place, name).exists()), ""))
"""


class LocalTriton:
    """One server process plus one stub process a model instance."""

    name: str = "triton"
    port_names: tuple[str, ...] = ("http", "grpc", "metrics")
    polite: signal.Signals = signal.SIGTERM
    grace = timedelta(seconds=8)

    def __init__(self, layout: Layout, mark: str, models: Path | None = None) -> None:
        self._layout = layout
        self._mark = mark
        self._models = (models or layout.project / "model_repo").absolute()
        self._directory = layout.data / "triton"
        self._prefix = f"sentiwatch_{layout.short_name}_"
        self._alias = Path(tempfile.gettempdir()) / f"sentiwatch-{layout.short_name}"

    def require(self) -> None:
        self._packages()
        if not self._models.is_dir():
            raise Misconfigured(f"there is no model repository at {self._models}")

    def prepare(self, ports: Mapping[str, int]) -> Launch:
        packages = self._packages()
        backends = self._install_backend(packages / "pytriton" / "tritonserver")
        command = [
            str(packages / "pytriton" / "tritonserver" / "bin" / "tritonserver"),
            f"--model-repository={self._plain(self._models, 'models')}",
            f"--backend-directory={self._plain(backends, 'backends')}",
            "--model-control-mode=explicit",
            "--load-model=*",
            # A model that does not load is reported by name through the readiness check.
            "--exit-on-error=false",
            "--exit-timeout-secs=5",
            f"--backend-config=python,shm-region-prefix-name={self._prefix}",
            *(f"--{name}-address={LOOPBACK}" for name in self.port_names),
            *(f"--{name}-port={port}" for name, port in ports.items()),
        ]
        return Launch(command, self._environment(packages))

    def settle(self, ports: Mapping[str, int]) -> None:
        """Nothing: models are loaded at the start."""

    def check(self, ports: Mapping[str, int], limit: timedelta) -> None:
        readiness.infer_on_every_model(self.describe(ports)["grpc"], limit)

    def describe(self, ports: Mapping[str, int]) -> dict[str, str]:
        return {
            "grpc": f"{LOOPBACK}:{ports['grpc']}",
            "http": f"{LOOPBACK}:{ports['http']}",
            "metrics": f"http://{LOOPBACK}:{ports['metrics']}/metrics",
        }

    def ownership(self, recorded: ProcessId | None) -> Ownership:
        return Ownership(self._mark, recorded)

    def sweep(self) -> None:
        for segment in SHARED_MEMORY.glob(f"{self._prefix}*"):
            segment.unlink(missing_ok=True)
        shutil.rmtree(self._alias, ignore_errors=True)

    def purge(self) -> None:
        shutil.rmtree(self._directory, ignore_errors=True)

    def _packages(self) -> Path:
        """The site-packages of Triton's environment."""
        libraries = self._layout.triton_environment / "lib"
        found = sorted(libraries.glob("python3.*/site-packages/pytriton/tritonserver"))
        if not found:
            raise Misconfigured(
                "Triton's environment is missing: `./deploy/sentiwatch local up` makes it, "
                "or set SENTIWATCH_TRITON__URL to a server that already runs"
            )
        return found[0].parents[1]

    def _install_backend(self, server: Path) -> Path:
        """Copy the Python backend, with the stub of the environment's Python; returns the backends."""
        version = server.parents[2].name.removeprefix("python")
        target = self._directory / "backends" / "python"
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(server / "backends" / "python", target)
        stub = shutil.copy(server / "python_backend_stubs" / version / "triton_python_backend_stub", target)
        Path(stub).chmod(0o755)
        return target.parent

    def _environment(self, packages: Path) -> dict[str, str]:
        binaries = self._layout.triton_environment / "bin"
        probe = [str(binaries / "python"), "-c", LIBRARY_PROBE]
        library = subprocess.run(probe, capture_output=True, text=True, check=True).stdout.strip()
        libraries = [str(packages / "nvidia_pytriton.libs"), library, os.environ.get("LD_LIBRARY_PATH", "")]
        return part_environment(
            self._mark,
            PATH=f"{binaries}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
            LD_LIBRARY_PATH=os.pathsep.join(filter(None, libraries)),
        )

    def _plain(self, path: Path, name: str) -> Path:
        """The path itself, or a link to it that needs no quoting."""
        if PLAIN_PATH.fullmatch(str(path)):
            return path
        self._alias.mkdir(mode=0o700, exist_ok=True)
        if self._alias.is_symlink() or self._alias.stat().st_uid != os.geteuid():
            raise Misconfigured(f"{self._alias} belongs to somebody else: remove it")
        link = self._alias / name
        link.unlink(missing_ok=True)
        link.symlink_to(path)
        return link
