"""What a worker or a replay has done so far, for progress bars and the closing line."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from streams.runtime.delivery import Tally


@dataclass(slots=True)
class WorkerStatus:
    """What a worker has done so far, for progress bars and the closing line."""

    total: int = 0
    """Records between the stored progress and the end offsets, when the worker started."""
    records: int = 0
    documents: int = 0
    mentions: int = 0
    dead_letters: int = 0
    panes_closed: int = 0
    alerts_opened: int = 0
    phase: str = "starting"
    started: float = field(default_factory=time.monotonic)
    consumed_seconds: float = 0.0
    """From the first assignment to the last stored record."""

    @property
    def age(self) -> float:
        """Seconds since it started."""
        return time.monotonic() - self.started

    def take(self, tallies: Iterable[Tally]) -> None:
        """Add up what the lanes have stored."""
        counted = list(tallies)
        self.records = sum(tally.records for tally in counted)
        self.documents = sum(tally.documents for tally in counted)
        self.mentions = sum(tally.mentions for tally in counted)
        self.dead_letters = sum(tally.dead_letters for tally in counted)
