"""The breaker on the dead-letter ratio: a bad deploy must not bury a topic.

It trips where a topic *whose records were good before* turns bad: more than ``ratio`` of its last ``window`` records are
dead letters, and at least ``least`` of them. A topic that was bad from its first record is left alone: there is no
earlier release under which it was read, its letters are its truth, and stopping would only hide them. Records that are
merely too old say nothing about us and do not count.

Once tripped it stays so until the worker is started again, with the fault removed or the ratio raised: the records do not
change by waiting. What had been buried until then can be replayed.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from streams.domain.outcome import Reason

if TYPE_CHECKING:
    from streams.domain.batch import Batch
    from streams.settings import WorkerSettings

NO_FAULT_OF_OURS = frozenset({Reason.TOO_OLD.value})


@dataclass(frozen=True, slots=True)
class BurialPolicy:
    """When it trips; a ratio of 1 is never."""

    ratio: float
    least: int
    window: int

    @classmethod
    def of(cls, settings: WorkerSettings) -> BurialPolicy:
        return cls(settings.bury_ratio, settings.bury_least, settings.bury_window)


@dataclass(slots=True)
class BurialBreaker:
    """Follows one topic, batch by batch, in the order they are stored."""

    policy: BurialPolicy
    was_good: bool = False
    """Whether a document of this topic has ever been stored, as far as we know."""
    _recent: deque[tuple[int, int]] = field(default_factory=deque)
    _records: int = 0
    _letters: int = 0

    def trips_on(self, batch: Batch, records: int) -> bool:
        """Take in a batch that is about to be stored; True: it must not be."""
        letters = sum(letter.reason not in NO_FAULT_OF_OURS for letter in batch.dead_letters)
        self._recent.append((records, letters))
        self._records += records
        self._letters += letters
        while self._records - self._recent[0][0] >= self.policy.window:
            gone = self._recent.popleft()
            self._records -= gone[0]
            self._letters -= gone[1]
        tripped = self.was_good and self._letters >= self.policy.least and self.share > self.policy.ratio
        self.was_good = self.was_good or bool(batch.documents)
        return tripped

    @property
    def share(self) -> float:
        """Dead letters among the last records."""
        return self._letters / self._records if self._records else 0.0

    def line(self, topic: str) -> str:
        """What an operator has to know, once."""
        return (
            f"{topic}: {self._letters} of the last {self._records} records were about to become dead letters, although"
            " earlier ones were good: its intake stops here. Remove the fault, or allow it with"
            " SENTIWATCH_WORKER__BURY_RATIO=1, and start the worker again"
        )
