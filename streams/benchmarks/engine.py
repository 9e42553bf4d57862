"""The bare ONNX engine, in a process of Triton's environment and without Triton."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from streams.errors import Misconfigured

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from streams.domain.score import Question

SCRIPT = Path(__file__).with_name("bare_engine.py")
LONGEST_LINE = 64 * 1024 * 1024


class BareEngine:
    """A child process in Triton's environment that answers pairs without Triton."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @classmethod
    @asynccontextmanager
    async def start(cls, python: Path, repository: Path) -> AsyncIterator[BareEngine]:
        """Ready once both models are loaded."""
        script = SCRIPT
        process = await asyncio.create_subprocess_exec(
            str(python), str(script), str(repository), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
            limit=LONGEST_LINE,
        )  # fmt: skip
        engine = cls(process)
        await engine._line()
        try:
            yield engine
        finally:
            process.kill()
            await process.wait()

    async def _line(self) -> bytes:
        if self._process.stdout is None:
            raise Misconfigured("the bare engine has no output")
        return await self._process.stdout.readline()

    async def seconds(self, questions: dict[str, list[Question]]) -> float:
        """How long the engine takes for these questions of both models."""
        if self._process.stdin is None:
            raise Misconfigured("the bare engine has no input")
        self._process.stdin.write(json.dumps(questions).encode() + b"\n")
        await self._process.stdin.drain()
        return float(json.loads(await self._line())["seconds"])
