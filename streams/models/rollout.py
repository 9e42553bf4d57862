"""A version directory into service and out of it again, without a failed request.

A candidate is first loaded under a name of its own, where only we ask it: a version that cannot answer, or that
a gate refuses, never meets a request. Triton keeps answering from the version it has until the new one is
ready; which one is served is the version policy in config.pbtxt. Should the real load fail all the same, the
version is taken out again and the old configuration put back.

Seen on Triton 2.51: after an unload the server calls itself not ready until something is loaded, and after a
failed load until that name and version number have been loaded with success. Both are tidied up here.
"""

from __future__ import annotations

import json
import re
import shutil
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from streams.errors import Misconfigured, Unavailable
from streams.models.export import triton_config

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

LOAD_S = 300.0
PROBE_S = 30.0
PAUSE_S = 0.1
CONFIG = "config.pbtxt"
PROBE = "Shares rose after the company reported quarterly results."
_SERVED = re.compile(r"version_policy: { specific { versions: \[ (\d+) \] } }")


@dataclass(frozen=True, slots=True)
class Rolled:
    """What is served now, and what was before."""

    task: str
    version: int
    model_version: str
    before: int


class Repository:
    """The model repository of a running Triton, seen from both sides: its files and its server."""

    def __init__(self, folder: Path, url: str) -> None:
        from tritonclient import grpc

        self.folder, self.url, self._grpc = folder, url, grpc
        self._client = grpc.InferenceServerClient(url)

    def close(self) -> None:
        """End the connection."""
        self._client.close()

    def promote(self, candidate: Path, refusals: Callable[[str], list[str]] = lambda _: []) -> Rolled:
        """Serve a copy of `candidate` as the next version.

        `refusals` gets the name under which the candidate answers, and says what speaks against it.

        Raises:
            Misconfigured: it does not load, does not answer or is refused; the old version serves on.
            Unavailable: the server does not answer.
        """
        metadata = read_metadata(candidate)
        with self._staged(candidate, metadata) as name:
            against = refusals(name)
        if against:
            raise Misconfigured(f"{metadata['model_version']} is refused: {'; '.join(against)}")
        task = metadata["task"]
        before, number = self.served(task), max(self.versions(task), default=0) + 1
        place = self.folder / task / str(number)
        draft = place.with_name(f".draft-{number}")
        shutil.rmtree(draft, ignore_errors=True)
        shutil.copytree(candidate, draft)
        draft.rename(place)  # whole or not at all: the server may look at any time
        return self._switch(task, number, before, discard=place)

    @contextmanager
    def _staged(self, candidate: Path, metadata: dict[str, Any]) -> Iterator[str]:
        """The candidate under another model name, loaded and answering; gone afterwards."""
        task = metadata["task"]
        name = f"{task}_candidate"
        try:
            self._stage(name, candidate)
            yield name
        except Misconfigured:
            self._stage(
                name, self.folder / task / str(self.served(task))
            )  # else the server stays "not ready"
            raise
        finally:
            shutil.rmtree(self.folder / name, ignore_errors=True)
            with self._translated():
                self._client.unload_model(name, client_timeout=LOAD_S)
                self._client.load_model(task, client_timeout=LOAD_S)

    def _stage(self, name: str, version: Path) -> None:
        metadata, place = read_metadata(version), self.folder / name
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(version, place / "1")
        config = triton_config(metadata["task"], metadata)
        _write(place / CONFIG, config.replace(f'name: "{metadata["task"]}"', f'name: "{name}"'))
        with self._translated():
            self._client.load_model(name, client_timeout=LOAD_S)
            self._await(name, 1)

    def rollback(self, task: str, number: int | None = None) -> Rolled:
        """Serve an earlier version (default: the one before); its directory and the newer one stay."""
        before = self.served(task)
        earlier = [version for version in self.versions(task) if version < before]
        if number is None and not earlier:
            raise Misconfigured(f"{task} has no version before {before}")
        target = number if number is not None else max(earlier)
        if target not in self.versions(task):
            raise Misconfigured(f"{task} has no version {target}")
        return self._switch(task, target, before)

    def versions(self, task: str) -> list[int]:
        """The version directories, ascending."""
        folder = self.folder / task
        if not (folder / CONFIG).is_file():
            raise Misconfigured(f"{folder} is no model of a Triton repository")
        return sorted(int(place.name) for place in folder.iterdir() if place.name.isdecimal())

    def served(self, task: str) -> int:
        """The version that config.pbtxt names; without a policy the newest."""
        stated = _SERVED.search((self.folder / task / CONFIG).read_text("utf-8"))
        return int(stated[1]) if stated else max(self.versions(task), default=0)

    def _switch(self, task: str, number: int, before: int, discard: Path | None = None) -> Rolled:
        """Write the configuration of this version, load it, wait until it answers; else put all back.

        `discard` is the directory to remove when it fails: without it the server would try it again.
        """
        metadata = read_metadata(self.folder / task / str(number))
        config = self.folder / task / CONFIG
        kept = config.read_text("utf-8")
        _write(config, triton_config(task, metadata, number))
        try:
            with self._translated():
                self._client.load_model(task, client_timeout=LOAD_S)
                self._await(task, number)
        except (Misconfigured, Unavailable):
            self._put_back(task, before, kept, discard)
            raise
        return Rolled(task, number, metadata["model_version"], before)

    def _put_back(self, task: str, before: int, config: str, failed: Path | None) -> None:
        """The old configuration; first a copy of the old version takes the failed one's number, for the server's "ready"."""
        try:
            if failed is not None:
                shutil.rmtree(failed)
                shutil.copytree(self.folder / task / str(before), failed)
                with self._translated():
                    self._client.load_model(task, client_timeout=LOAD_S)
        finally:
            _write(self.folder / task / CONFIG, config)
            if failed is not None:
                shutil.rmtree(failed)
        with self._translated():
            self._client.load_model(task, client_timeout=LOAD_S)

    def _await(self, task: str, number: int) -> None:
        """Until requests that name no version are answered by this one."""
        deadline = time.monotonic() + PROBE_S
        while self._answering(task) != number:
            if time.monotonic() > deadline:
                raise Misconfigured(f"{task} version {number} was loaded but does not answer")
            time.sleep(PAUSE_S)

    def _answering(self, task: str) -> int:
        described = self._client.get_model_metadata(task, client_timeout=PROBE_S)
        inputs = []
        for tensor in described.inputs:
            value = self._grpc.InferInput(tensor.name, [1, 1], "BYTES")
            value.set_data_from_numpy(np.array([[PROBE.encode()]], dtype=np.object_))
            inputs.append(value)
        answer = self._client.infer(task, inputs, client_timeout=PROBE_S)
        return int(answer.get_response().model_version)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        from tritonclient.utils import InferenceServerException

        try:
            yield
        except InferenceServerException as error:
            message = f"Triton at {self.url}: {' '.join((error.message() or '').split())[:400]}"
            if "UNAVAILABLE" in str(error.status()) or "DEADLINE" in str(error.status()):
                raise Unavailable(message) from error
            raise Misconfigured(message) from error


def read_metadata(folder: Path) -> dict[str, Any]:
    """metadata.json of a version directory.

    Raises:
        Misconfigured: it has none, or one that names no task, labels and version.
    """
    try:
        metadata: dict[str, Any] = json.loads((folder / "metadata.json").read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise Misconfigured(f"{folder} is no exported model version: no readable metadata.json") from error
    missing = {"task", "labels", "model_version", "training_cutoff"} - set(metadata)
    if missing:
        raise Misconfigured(f"{folder}/metadata.json states no {', '.join(sorted(missing))}")
    return metadata


def _write(path: Path, text: str) -> None:
    draft = path.with_name(f".{path.name}.draft")
    draft.write_text(text, "utf-8")
    draft.replace(path)
