"""Local parts of a test's own, to be stopped, frozen and killed; their models are toys that die of texts that say so."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from streams.local.launcher import LocalParts
from streams.local.layout import project_directory
from streams.local.processes import owned, send

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streams.local.addresses import Addresses

MODELS = ("sentiment", "topic")
MODEL = Path(__file__).with_name("fragile_model") / "model.py"
VERSION = re.compile(r'(key: "model_version" value: \{ string_value: ")[^"]*')


def make_models(folder: Path) -> Path:
    """A model repository with the deployed models' contract and a toy behind it."""
    for model in MODELS:
        version = folder / model / "1"
        version.mkdir(parents=True)
        shutil.copy(MODEL, version / "model.py")
        config = (project_directory() / "model_repo" / model / "config.pbtxt").read_text()
        config = re.sub(r"version_policy: [^\n]*\n", "", config)
        (folder / model / "config.pbtxt").write_text(VERSION.sub(rf"\g<1>{model}-toy-1", config))
    return folder


class FragileParts:
    """All three parts in a folder of their own."""

    def __init__(self, folder: Path) -> None:
        self._models = make_models(folder / "models")
        self._parts = LocalParts(folder / "local", models=self._models)
        self.addresses: Addresses = self._parts.up()

    def signal(self, part: str, number: signal.Signals) -> None:
        """To every process of the part, as a frozen machine would stop them all."""
        state = self._parts.store.read(part)
        for process in owned(self._parts._parts[part].ownership(state.process)):
            send(process, number)

    @contextmanager
    def frozen(self, *parts: str) -> Iterator[None]:
        """They accept connections, the kernel does that, and answer nothing."""
        for part in parts:
            self.signal(part, signal.SIGSTOP)
        try:
            yield
        finally:
            for part in parts:
                self.signal(part, signal.SIGCONT)

    def restart(self, part: str) -> None:
        """An accident: every process of the part is killed, and the part started again on its ports."""
        self.signal(part, signal.SIGKILL)
        self._parts.up({part})

    def kill_model(self, name: str) -> None:
        """The process behind one model; the server stays, and calls itself healthy."""
        for folder in Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                words = (folder / "cmdline").read_bytes().split(b"\x00")
                if (
                    words[0].endswith(b"python_backend_stub")
                    and f"{self._models}/{name}/".encode() in words[1]
                ):
                    os.kill(int(folder.name), signal.SIGKILL)

    def close(self) -> None:
        self._parts.down(purge=True)
