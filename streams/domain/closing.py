"""What passes between the closer's logic and its store."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from uuid import UUID

    from streams.domain.episode import Episode, Event
    from streams.domain.knowledge import Status
    from streams.domain.summary import Partition


@dataclass(frozen=True, slots=True)
class ClosingState:
    """Where a run stands, read under the closer's lock."""

    closed_until: datetime | None
    notify: bool
    partitions: tuple[Partition, ...]
    counted_until: datetime | None = None
    """The midnight up to which the hourly counts are written."""
    frozen_until: datetime | None = None
    erasures: int = 0
    """The erasure ledger's version."""
    """Windows that start before this stay as they are: their documents were dropped."""


@dataclass(frozen=True, slots=True)
class ClosedPane:
    """A pane (start) that closes: when that was known, and its status by source class."""

    start: datetime
    known_at: datetime
    status: Mapping[str, Status]


@dataclass(frozen=True, slots=True)
class Unassigned:
    """A document whose story is still to be decided."""

    document_id: UUID
    event_time: datetime
    known_pane: datetime
    signature: bytes
    story_id: UUID | None
    """The story of an earlier version of it: a revised document stays where it was."""


@dataclass(frozen=True, slots=True)
class StoryOf:
    """The story of one document; ``leads`` when it is the first of it."""

    document: Unassigned
    story_id: UUID
    leads: bool


@dataclass(frozen=True, slots=True)
class AlertFacts:
    """What the rows behind an alert's figures have in common."""

    topics: Mapping[str, int]
    sources: Mapping[str, int]
    model_versions: tuple[str, ...]
    """Sentiment versions of the span and of the 28 days before it; several: the baseline mixes models."""
    sql: str
    """The statement that gives ``observed`` again."""


@dataclass(slots=True)
class AlertVersion:
    """An alert as it stood after a pane end that made a step or a new peak of it."""

    at: datetime
    episode: Episode
    events: tuple[Event, ...]
    held_until: datetime
    """The last pane end that had held it open before."""
    evidence: dict[str, Any] | None = None
    """Figures at the new peak; None where the peak did not move."""


@dataclass(slots=True)
class AlertChange:
    """All that one step of the closer has to write of one alert."""

    episode: Episode
    versions: list[AlertVersion] = field(default_factory=list)
    opened: bool = False


@dataclass(frozen=True, slots=True)
class ClosedReport:
    """What one step of the closer did."""

    panes_closed: int
    closed_until: datetime | None
    alerts_opened: int
    dirty_left: int
    caught_up: bool
