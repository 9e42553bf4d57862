"""How a replay is spread: which partitions a process takes, and how much of its time it works."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from streams.errors import Misconfigured

if TYPE_CHECKING:
    from collections.abc import Iterable

    from streams.domain.document import SourcePartition
    from streams.settings import Settings


class Pace(NamedTuple):
    """How fast it may go; none of it shows in the result."""

    workers: int = 1
    share: str = ""
    load: float = 1.0


@dataclass(frozen=True, slots=True)
class Share:
    """The ``number``-th of so many shares of a run's partitions; each process of a run has another one."""

    number: int = 1
    of: int = 1

    @classmethod
    def parse(cls, text: str) -> Share:
        """Of `2/4`; empty = all.

        Raises:
            Misconfigured: no such share.
        """
        if not text:
            return cls()
        number, _, of = text.partition("/")
        if not (number.isdecimal() and of.isdecimal() and 1 <= int(number) <= int(of)):
            raise Misconfigured(
                f"--share {text}: expected the number of a share and how many there are, e.g. 2/4"
            )
        return cls(int(number), int(of))

    def pick(self, partitions: Iterable[SourcePartition]) -> list[SourcePartition]:
        """Its partitions; every partition is in exactly one share."""
        return sorted(partitions)[self.number - 1 :: self.of]


@dataclass(slots=True)
class Throttle:
    """Keeps the worked part of the time at ``load``, so that a live worker beside it keeps its speed."""

    load: float = 1.0
    _began: float = field(default_factory=time.monotonic)

    def begin(self) -> None:
        """Work starts."""
        self._began = time.monotonic()

    def rest(self) -> float:
        """Seconds to rest after the work since `begin`."""
        return (time.monotonic() - self._began) * (1 / self.load - 1)


def throttled(settings: Settings, load: float) -> Settings:
    """At most this share of the requests and slices in flight, at least one of each."""
    triton = settings.triton.model_copy(update={"in_flight": max(1, round(settings.triton.in_flight * load))})
    slices = max(1, round(settings.worker.slices_in_flight * load))
    worker = settings.worker.model_copy(update={"slices_in_flight": slices})
    return settings.model_copy(update={"triton": triton, "worker": worker})
