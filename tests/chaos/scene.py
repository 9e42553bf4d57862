"""What a fault works with: one round's place, crew and chance, and the clock of its recovery."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.chaos.place import wait_for

if TYPE_CHECKING:
    from pathlib import Path
    from random import Random

    from tests.chaos.crew import Crew
    from tests.chaos.place import Place
    from tests.chaos.road import SlowRoad

PATIENCE = 240.0
"""Seconds after which a wait is a failure, on the slowest machine; quiet ones wait for a session timeout at most."""


@dataclass
class Scene:
    """One round while it runs. Faults call `hurt` when they strike and `heal` when what they took away is back."""

    place: Place
    crew: Crew
    run: str
    total: int
    rng: Random
    folder: Path
    hits: int = 0
    missed: bool = False
    recovery: list[float] = field(default_factory=list)
    roads: list[SlowRoad] = field(default_factory=list)
    publishing: threading.Lock = field(default_factory=threading.Lock)
    """Held while the producer waits for confirmations, and by who takes Kafka away.

    A broker that restarts forgets an idempotent producer whose records are stamped a day ago or earlier (it compares
    `producer.id.expiration.ms` with their timestamps), so a repeated request would become a second copy.
    """
    _watchers: list[threading.Thread] = field(default_factory=list)

    def stored(self) -> int:
        return self.place.stored(self.run)

    def reach(self, share: float) -> None:
        """Wait until this share of the stream is stored."""
        wait_for(lambda: self.stored() >= share * self.total, f"{share:.0%} are stored", PATIENCE)

    def midway(self, low: float = 0.1, high: float = 0.6) -> None:
        """Wait for a random moment while records flow."""
        self.reach(self.rng.uniform(low, high))

    def pause(self, low: float, high: float) -> None:
        time.sleep(self.rng.uniform(low, high))

    def hurt(self) -> None:
        """Something has just been broken."""
        self.hits += 1

    def heal(self, since: float | None = None) -> None:
        """What was broken is back: from here (or ``since``) on until the next record is stored is the recovery."""
        began, before = since or time.monotonic(), self.stored()
        watcher = threading.Thread(target=self._time, args=(began, before), daemon=True)
        watcher.start()
        self._watchers.append(watcher)

    def _time(self, began: float, before: int) -> None:
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            now = self.stored()
            if now > before or now >= self.total:
                self.recovery.append(time.monotonic() - began)
                return
            time.sleep(0.05)

    def await_death(self, seconds: float = 60.0) -> None:
        """Wait until a worker has died at its point; a point that nobody passes is a miss."""
        until = time.monotonic() + seconds
        while not self.crew.deaths:
            if time.monotonic() > until or self.stored() >= self.total:
                self.missed = not self.crew.deaths
                return
            time.sleep(0.02)
        self.hurt()
        self.heal(self.crew.deaths[0])

    def settle(self, seconds: float) -> None:
        """Wait for the clocks that still run."""
        for watcher in self._watchers:
            watcher.join(seconds)
