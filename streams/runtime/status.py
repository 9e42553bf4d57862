"""What a worker or a replay has done so far and how it is: plain data for progress bars, metrics and health checks."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from streams.domain.document import SourcePartition
    from streams.runtime.breaker import Breakers
    from streams.runtime.delivery import Lane


@dataclass(frozen=True, slots=True)
class DependencyStatus:
    """A breaker as it stands; see `streams.runtime.breaker`."""

    state: str
    failures: int
    """In a row, since it was last closed."""
    opened: int
    """How often it has opened."""
    seconds: float
    """Since it was last opened or closed."""
    reason: str


@dataclass(frozen=True, slots=True)
class PartitionStatus:
    """How far an assigned partition is."""

    read: int
    """The next offset to be taken in."""
    stored: int
    """The next offset that is not stored yet: what Kafka is told."""
    end: int | None
    """Where the partition ends, as the driver last heard; None before its first fetch."""
    quiet_seconds: float
    """Since something of it was stored, or since it was assigned."""
    watermark: datetime | None = None
    """The largest event time taken in."""

    @property
    def waits(self) -> bool:
        """Whether the broker holds records that are not stored."""
        return self.end is not None and self.end > self.stored


@dataclass(slots=True)
class WorkerStatus:
    """Counts since the start, and the state of every part that can stand in the way."""

    total: int = 0
    """Records between the stored progress and the end offsets, when the worker started."""
    records: int = 0
    documents: int = 0
    mentions: int = 0
    dead_letters: int = 0
    slices: int = 0
    letters_by_reason: Counter[str] = field(default_factory=Counter)
    panes_closed: int = 0
    alerts_opened: int = 0
    closed_until: datetime | None = None
    """The end of the last closed pane, as the closer said last."""
    closer_stepped: float | None = None
    """When the closer's last step ended (`time.monotonic`)."""
    reached: datetime | None = None
    """The Kafka time, in a replay, up to which every partition was read."""
    phase: str = "starting"
    started: float = field(default_factory=time.monotonic)
    consumed_seconds: float = 0.0
    """From the first assignment to the last stored record."""
    dependencies: dict[str, DependencyStatus] = field(default_factory=dict)
    partitions: dict[SourcePartition, PartitionStatus] = field(default_factory=dict)
    halted: dict[str, str] = field(default_factory=dict)
    """Topics whose intake was stopped by the breaker on the dead-letter ratio, and why."""
    models_answered: float | None = None
    """When every model last answered a synthetic question (`time.monotonic`)."""
    left_behind: bool = False
    """Whether the end came before all that was taken in could be stored; the next start reads it again."""

    @property
    def age(self) -> float:
        """Seconds since it started."""
        return time.monotonic() - self.started

    def take(self, lanes: Iterable[Lane]) -> None:
        """Add up what the lanes have stored."""
        tallies = [lane.tally for lane in lanes]
        self.records = sum(tally.records for tally in tallies)
        self.documents = sum(tally.documents for tally in tallies)
        self.mentions = sum(tally.mentions for tally in tallies)
        self.dead_letters = sum(tally.dead_letters for tally in tallies)
        self.slices = sum(tally.slices for tally in tallies)
        self.letters_by_reason = sum((tally.letters_by_reason for tally in tallies), Counter())

    def take_breakers(self, breakers: Breakers) -> None:
        """Copy the state of the dependencies."""
        now = time.monotonic()
        self.dependencies = {
            one.dependency.value: DependencyStatus(
                one.state.value, one.failures, one.opened, now - one.since, one.reason
            )
            for one in breakers
        }
