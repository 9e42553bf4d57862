"""Every port of the service on one page: what the driven side must offer, and what callers may rely on.

All ports raise `streams.errors.Unavailable` when their dependency does not answer (retrying is right) and
`streams.errors.Misconfigured` when retrying cannot help. Each has an in-memory twin in `streams.adapters.memory`; one
contract suite runs on the twin and on the real thing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from streams.domain.batch import Batch
    from streams.domain.document import Probabilities, Progress, SourcePartition
    from streams.domain.entity import EntityMention
    from streams.domain.score import ModelInfo, Question, ScoreKey
    from streams.wire.outgoing import Outgoing


class Classifier(Protocol):
    """A model server. Probabilities never depend on the batch a text travelled in."""

    async def info(self, model: str) -> ModelInfo:
        """Version and labels of a model as served.

        Raises:
            Misconfigured: its names, shapes or labels are not what this release expects.
        """

    async def classify(self, model: str, questions: Sequence[Question]) -> list[Probabilities | None]:
        """Probabilities in question order, in ten-thousandths; None where the model refuses that text alone.

        A refused request is bisected, so one bad text never takes its neighbours along.
        """


class ScoreStore(Protocol):
    """Scores already paid for, shared by all runs."""

    async def lookup(
        self, model: str, version: str, keys: Sequence[ScoreKey]
    ) -> dict[ScoreKey, Probabilities]:
        """The stored ones among ``keys``."""


class DocumentStore(Protocol):
    """Where batches end. One call is one transaction."""

    async def progress(self, partitions: Sequence[SourcePartition]) -> Mapping[SourcePartition, Progress]:
        """How far each partition is stored; a partition never seen before starts at its given beginning, offset 0."""

    async def persist(self, batch: Batch) -> None:
        """Write documents, mentions, scores, dead letters, dirty panes and progress, or nothing at all.

        Progress moves by compare-and-set from ``move.first`` to ``move.next_offset``. Writing the same records twice
        changes nothing.

        Raises:
            StaleWriter: progress is not where this batch begins; names those partitions; nothing was written.
        """


class EntityMatcher(Protocol):
    """Finds the companies a text is about."""

    @property
    def version(self) -> str:
        """Content hash of the gazetteer."""

    def find(self, title: str, body: str, hints: Sequence[str], at: datetime) -> tuple[EntityMention, ...]:
        """Mentions in (first offset, entity id) order; names and tickers resolve as of ``at``, the event time."""


class Signer(Protocol):
    """Signs texts so that near-duplicates can be told by comparing signatures."""

    def sign(self, title: str, body: str) -> bytes:
        """A MinHash signature; equal texts have equal signatures in every process."""


class LanguageDetector(Protocol):
    """Tells the language of short texts."""

    def detect(self, text: str, hint: str) -> str:
        """`en`, `zh` or `other`; the hint is the source's own statement, possibly empty."""


class Relay(Protocol):
    """Publishes what the outbox holds."""

    async def publish(self, records: Iterable[Outgoing]) -> int:
        """Send all and return how many, once the broker has confirmed every one."""


class Outbox(Protocol):
    """Messages written in the transactions that cause them, on their way to Kafka."""

    async def flush(self, limit: int = 500) -> int:
        """Publish up to ``limit`` of the oldest and return how many; at least once, in the order they were written."""
