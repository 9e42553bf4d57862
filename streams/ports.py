"""Every port of the service on one page: what the driven side must offer, and what callers may rely on.

All ports raise `streams.errors.Unavailable` when their dependency does not answer (retrying is right) and
`streams.errors.Misconfigured` when retrying cannot help. Each has an in-memory twin in `streams.adapters.memory`; one
contract suite runs on the twin and on the real thing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from contextlib import AbstractAsyncContextManager
    from datetime import datetime, timedelta

    from streams.domain.batch import Batch
    from streams.domain.closing import (
        AlertChange,
        AlertFacts,
        ClosedPane,
        ClosingState,
        StoryOf,
        Unassigned,
    )
    from streams.domain.document import Document, Probabilities, Progress, SourceClass, SourcePartition
    from streams.domain.entity import EntityMention
    from streams.domain.episode import Episode
    from streams.domain.knowledge import Knowledge
    from streams.domain.pool import HourlyCounts
    from streams.domain.score import ModelInfo, Question, ScoreKey
    from streams.domain.story import Leader
    from streams.domain.summary import Dirty, Range, Refold
    from streams.domain.surge import Row
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

        Each states the version that gave it, where the server tells: a rollout may lie between two answers of one call.
        A refused request is bisected, so one bad text never takes its neighbours along. So is one that the model's
        process dies of: it is revived, and a text is refused only after it was fatal several times, alone, each time
        right after a harmless text was answered.
        """

    async def probe(self) -> None:
        """Answers a harmless question with every model; revives a model whose process died.

        Raises:
            Unavailable: a model does not answer and could not be revived.
        """


class ScoreStore(Protocol):
    """Scores already paid for, shared by all runs."""

    async def lookup(
        self, model: str, version: str, keys: Sequence[ScoreKey]
    ) -> dict[ScoreKey, Probabilities]:
        """The stored ones among ``keys``."""

    async def note_models(self, infos: Iterable[ModelInfo]) -> None:
        """Record which versions score documents here; before their first answer is stored."""


class DocumentStore(Protocol):
    """Where batches end. One call is one transaction."""

    async def register(self, partitions: Mapping[SourcePartition, tuple[SourceClass, int]]) -> None:
        """Start partitions never seen before at the given offsets; those already known stay where they are.

        A partition without records holds the watermark back from then on.
        """

    async def progress(self, partitions: Sequence[SourcePartition]) -> Mapping[SourcePartition, Progress]:
        """How far each registered partition is stored."""

    async def persist(self, batch: Batch) -> None:
        """Write documents, mentions, scores, dead letters, dirty panes and progress, or nothing at all.

        Progress moves by compare-and-set from ``move.first`` to ``move.next_offset``. Writing the same records twice
        changes nothing.

        Raises:
            StaleWriter: progress is not where this batch begins; names those partitions; nothing was written.
            Poisonous: the store refuses a value of the batch; nothing was written.
        """

    async def rehearse(self, batch: Batch) -> None:
        """Everything that `persist` does, raises included, and then nothing is kept."""


class Erasures(Protocol):
    """What was erased, and may not come back from Kafka."""

    def covers(self, document: Document) -> bool:
        """Whether this document is known to be erased: then no model and no table sees it; it still moves the watermark.

        A hint that may be a moment old: `DocumentStore.persist` decides.
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

    def sign_all(self, texts: Sequence[tuple[str, str]]) -> list[bytes]:
        """The signatures of many (title, body), each what `sign` gives for it alone."""


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


class ClosingTransaction(Protocol):
    """One step of the closer. Nothing else closes windows of this run until it ends."""

    async def state(self) -> ClosingState:
        """Closed panes and watermarks; every later call sees at least what was stored when this one read them."""

    async def last_pane(self) -> datetime | None:
        """The largest ``known_pane`` of any document."""

    async def pending(self, until: datetime, limit: int) -> list[tuple[datetime, int]]:
        """Pane ends <= ``until`` with documents whose story is open, ascending, and how many; at most ``limit``."""

    async def take_dirty(self, before: datetime | None) -> list[Dirty]:
        """The panes (starting earlier than ``before``) that await folding; they are not marked afterwards."""

    async def has_dirty(self) -> bool:
        """Whether any pane awaits folding."""

    async def put_dirty(self, panes: Iterable[Dirty]) -> None:
        """Mark panes for a later fold."""

    async def unassigned(self, until: datetime) -> list[Unassigned]:
        """Documents with ``known_pane`` <= ``until`` and no story, by (known_pane, event_time, document_id).

        All versions that are ever visible are among them.
        """

    async def leaders(self, ranges: Iterable[Range]) -> list[Leader]:
        """Stories whose leader lies in one of the ranges, ends included."""

    async def save_stories(self, stories: Sequence[StoryOf]) -> None:
        """Store new stories and the story of each document and of its mentions."""

    async def presence(self, after: datetime, until: datetime, silence: timedelta) -> list[datetime]:
        """Pane ends of (after, until] at which some partition had a record, and the last one of [after - silence, after]."""

    async def knowledge(self, after: datetime, until: datetime) -> Knowledge:
        """What the partitions' steps say about the pane ends of (after, until]."""

    async def count_hours(self, start: datetime | None, until: datetime) -> None:
        """Write the hourly counts of the days [start, until), as known at the end of each; None: from the run's first."""

    async def latest_episodes(self, since: datetime) -> list[Episode]:
        """The latest episode of each key, where it is firing or was held open after ``since``."""

    async def negative_rows(self, after: datetime, until: datetime, reach: timedelta) -> list[Row]:
        """Negative mentions of [after - reach, until) known at ``until``, of tested entities with one in [after, until)."""

    async def rows(
        self, entities: Sequence[str], topics: Sequence[str], start: datetime, until: datetime
    ) -> list[Row]:
        """All mentions of these entities in [start, until) known at ``until``, by (event_time, document_id).

        Of the market only those with one of these topics.
        """

    async def hourly_counts(self, kind: str, start: datetime, until: datetime) -> HourlyCounts:
        """Stories by tested cell of a kind and hour of [start, until), each as known at the end of its UTC day."""

    async def present_hours(self, start: datetime, until: datetime) -> list[int]:
        """Hours (since the epoch) of [start, until) with a document that came on time, ascending."""

    async def facts(self, episode: Episode) -> AlertFacts:
        """What the negative mentions at the peak of an episode have in common, as of then."""

    async def save_alert(
        self, change: AlertChange, known_at: Mapping[datetime, datetime], *, notify: bool
    ) -> None:
        """Store an alert, its new events, with a new peak its documents, and with ``notify`` the messages."""

    async def fold_open(self, size: str, groups: Sequence[Sequence[datetime]]) -> None:
        """Write open windows of this size anew from the current rows; groups are ascending starts that lie close together."""

    async def closing_windows(self, size: str, after: datetime, until: datetime) -> list[datetime]:
        """Starts of the windows that end in (after, until] and have rows as of their end, or are folded as open ones."""

    async def fold_closing(self, size: str, starts: Sequence[datetime], known: Sequence[datetime]) -> None:
        """Write these windows as of their own ends; ``known`` is when each was known to be complete."""

    async def revise(self, size: str, revisions: Sequence[Refold], known: Sequence[datetime]) -> None:
        """Write closed windows as of later pane ends; what changes moves to the history, and its window has a revision more."""

    async def forget_revisions(self, size: str, starts: Sequence[datetime]) -> None:
        """These windows have no history and no revision any more."""

    async def later_panes(self, size: str, starts: Sequence[datetime], until: datetime) -> list[Refold]:
        """The pane ends up to ``until`` that read these closed windows otherwise than the one before, each as a revision."""

    async def recount_hours(self, days: Sequence[datetime]) -> None:
        """Write the hourly counts of these UTC days anew, as far as they were written."""

    async def save_panes(self, panes: Sequence[ClosedPane]) -> None:
        """Note panes as closed, by source class."""

    async def save_wider(self, size: str, windows: Sequence[tuple[datetime, datetime]]) -> None:
        """Note windows (start, known_at) as closed; the worst of their panes decides what they are, a missing one degrades."""

    async def set_closed(self, until: datetime) -> None:
        """Every pane that ends at ``until`` or earlier is closed."""


class ClosingStore(Protocol):
    """Opens the closer's transactions."""

    def transaction(self) -> AbstractAsyncContextManager[ClosingTransaction]:
        """One step: waits for the step of another worker to end.

        Raises:
            Unavailable: the database does not answer; nothing was written.
        """
