"""Worker processes by forking: importing the product takes three seconds of a core, and a round needs several workers.

The nursery is one process a job that has imported everything and started nothing: no loop, no thread, no connection. Each
child is a process of its own, with its own environment, and runs the command line from its beginning.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Self

COMMAND = (sys.executable, "-m", "tests.chaos.nursery")


@dataclass
class Child:
    """A forked worker, in the manner of `subprocess.Popen`."""

    nursery: Nursery
    pid: int
    returncode: int | None = None

    def poll(self) -> int | None:
        if self.returncode is None:
            self.returncode = self.nursery.ask(poll=self.pid)["code"]
        return self.returncode

    def wait(self) -> int:
        while (code := self.poll()) is None:
            threading.Event().wait(0.02)
        return code

    def send_signal(self, number: int) -> None:
        """It stays a zombie until it is polled, so its id belongs to nobody else."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)


class Nursery:
    """The client's side; use it as a context. Its children show ``mark`` as their environment, to be found by."""

    def __init__(self, mark: Mapping[str, str]) -> None:
        self._mark = mark

    @property
    def pid(self) -> int:
        return self._process.pid

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2],
            env={**os.environ, **self._mark}, text=True, start_new_session=True,
        )  # fmt: skip
        self._lock = threading.Lock()
        self.ask()
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()

    def ask(self, **request: Any) -> Any:
        with self._lock:
            assert self._process.stdin
            assert self._process.stdout
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
            return json.loads(self._process.stdout.readline())

    def spawn(self, arguments: Sequence[str], environment: Mapping[str, str], log: Path) -> Child:
        answer = self.ask(arguments=list(arguments), environment=dict(environment), log=str(log))
        return Child(self, answer["pid"])


def serve(lines: IO[str], answers: IO[str]) -> None:
    """Fork and reap by request until the input ends; then no child is left."""
    children: set[int] = set()
    for line in lines:
        request = json.loads(line)
        answer: dict[str, Any] = {}
        if "poll" in request:
            pid, status = os.waitpid(request["poll"], os.WNOHANG)
            answer["code"] = os.waitstatus_to_exitcode(status) if pid else None
            children.discard(pid)
        elif "arguments" in request:
            answer["pid"] = os.fork()
            if answer["pid"] == 0:
                become(request["arguments"], request["environment"], request["log"])
            children.add(answer["pid"])
        answers.write(json.dumps(answer) + "\n")
        answers.flush()
    for pid in children:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def become(arguments: Sequence[str], environment: Mapping[str, str], log: str) -> None:
    """This process is a worker from here on."""
    code = 1
    try:
        os.setsid()
        output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        nothing = os.open(os.devnull, os.O_RDONLY)
        for target, source in ((0, nothing), (1, output), (2, output)):
            os.dup2(source, target)
        sys.stdin, sys.stdout, sys.stderr = (
            os.fdopen(number, mode, buffering=1, closefd=False)
            for number, mode in ((0, "r"), (1, "w"), (2, "w"))
        )
        os.environ.clear()
        os.environ.update(environment)
        sys.argv = ["sentiwatch", *arguments]
        code = _run()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _run() -> int:
    from streams.__main__ import main
    from tests.chaos.worker import install

    try:
        install()
        main()
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    return 0


if __name__ == "__main__":
    import streams.bootstrap
    import streams.cli.progress
    import streams.cli.worker
    import streams.runtime.worker  # noqa: F401 - what every child needs

    serve(sys.stdin, sys.stdout)
