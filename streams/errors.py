"""The error tree.

SentiwatchError                 everything that is ours; the command line prints it as one line
├── Misconfigured               a setting, a migration or a model contract is wrong: refuse to start
├── Unavailable                 a dependency does not answer now: pause, back off, try again without end
├── Poisonous                   one input makes a dependency refuse the whole request: isolate it by bisection
└── StaleWriter                 another worker owns the partition now: this write failed as a whole

Bad *data* is none of these: it is a value (``streams.domain.outcome.Reject``) and ends as a dead letter.
Vendor exceptions cross no border: each adapter translates them with ``raise … from error``.
"""


class SentiwatchError(Exception):
    """Root of all errors raised on purpose; its text is one clear line that names the remedy."""


class Misconfigured(SentiwatchError):
    """A setting, a schema version or a model contract does not fit; retrying cannot help."""


class Unavailable(SentiwatchError):
    """A dependency cannot be reached or answers that it is busy; retrying is right."""


class Poisonous(SentiwatchError):
    """A dependency refuses a request because of its content; bisect to find the culprit."""


class StaleWriter(SentiwatchError):
    """The compare-and-set on ``source_progress`` failed: nothing of the batch was written."""

    def __init__(self, partitions: frozenset[tuple[str, int]]) -> None:
        self.partitions = partitions
        listed = ", ".join(f"{topic}-{number}" for topic, number in sorted(partitions))
        super().__init__(f"another worker has moved on in {listed}; this batch was not written")
