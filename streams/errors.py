"""The error tree.

SentiwatchError                 everything that is ours; the command line prints it as one line
├── Misconfigured               a setting, a migration or a model contract is wrong: refuse to start
│   └── UnknownTopic            also what a broker says that has just started
├── Unavailable                 a dependency does not answer now: pause, back off, try again without end
├── BuriedTooMuch               most of what came last went to the dead letters: somebody has to look first
├── Stalled                     records wait, every dependency answers, and nothing has moved for too long
├── Poisonous                   one input makes a dependency refuse the whole request: isolate it by bisection
└── StaleWriter                 another worker owns the partition now: this write failed as a whole

Bad *data* is none of these: it is a value (``streams.domain.outcome.Reject``) and ends as a dead letter.
Vendor exceptions cross no border: each adapter translates them with ``raise … from error``.
"""

from __future__ import annotations

from enum import StrEnum


class Dependency(StrEnum):
    """What the service cannot work without; each has a breaker of its own."""

    KAFKA = "kafka"
    POSTGRES = "postgres"
    TRITON = "triton"


class SentiwatchError(Exception):
    """Root of all errors raised on purpose; its text is one clear line that names the remedy."""


class Misconfigured(SentiwatchError):
    """A setting, a schema version or a model contract does not fit; retrying cannot help."""


class UnknownTopic(Misconfigured):
    """The broker does not know a topic: it was never made, or a broker that has just started has not heard of it yet."""


class Unavailable(SentiwatchError):
    """A dependency cannot be reached or answers that it is busy; retrying is right."""

    def __init__(self, message: str, dependency: Dependency | None = None) -> None:
        self.dependency = dependency
        super().__init__(message)


class Poisonous(SentiwatchError):
    """A dependency refuses a request because of its content; bisect to find the culprit."""


class BuriedTooMuch(SentiwatchError):
    """A topic whose records were good is being buried: more likely our fault than theirs."""


class Stalled(SentiwatchError):
    """The worker does not get on although nothing stands in its way."""


class StaleWriter(SentiwatchError):
    """The compare-and-set on ``source_progress`` failed: nothing of the batch was written."""

    def __init__(self, partitions: frozenset[tuple[str, int]]) -> None:
        self.partitions = partitions
        listed = ", ".join(f"{topic}-{number}" for topic, number in sorted(partitions))
        super().__init__(f"another worker has moved on in {listed}; this batch was not written")
