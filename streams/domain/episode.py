"""An alert's life: opened → firing (escalated on a higher severity, peak figures kept) → resolved.

One state machine for each dedup key, advanced over pane ends in ascending order. Its memory is `Episode`, which is stored;
so it does not matter over how many steps, workers or crashes the panes are spread.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from streams.domain.detector import Thresholds, Verdict, fires, holds
from streams.domain.surge import SPANS, Cell

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime


class State(StrEnum):
    FIRING = "firing"
    RESOLVED = "resolved"


class Severity(StrEnum):
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"
    CRITICAL = "critical"


class EventKind(StrEnum):
    OPENED = "opened"
    ESCALATED = "escalated"
    RESOLVED = "resolved"


SEVERITY_RANK = {severity: rank for rank, severity in enumerate(Severity)}
LADDER = (
    (Severity.CRITICAL, 1e-12, 8.0, 8),
    (Severity.ERROR, 1e-9, 4.0, 5),
    (Severity.WARNING, 1e-6, 3.0, 3),
)
"""Severity, largest p-value, least observed/expected, least sources: all three must hold."""


@dataclass(frozen=True, slots=True)
class Episode:
    """One alert as it stands after the last pane end seen."""

    cell: Cell
    alert_id: str
    state: State
    severity: Severity
    opened_at: datetime
    last_at: datetime
    """Last pane end that held it open."""
    resolved_at: datetime | None
    peak: Verdict
    """The strongest figures so far, of the span that spoke first."""
    peak_at: datetime
    since: datetime | None = None
    """Evidence before this belongs to the previous episode of the same key and is not counted again."""

    def start(self, at: datetime) -> datetime:
        """Where the evidence of the span ending at ``at`` begins."""
        earliest = at - SPANS[self.peak.span]
        return max(earliest, self.since) if self.since is not None else earliest


@dataclass(frozen=True, slots=True)
class Event:
    """One step of an episode, with the figures behind it (none when it is resolved by silence)."""

    alert_id: str
    at: datetime
    kind: EventKind
    severity: Severity
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Advance:
    """What a pane end did to an episode."""

    episode: Episode | None
    events: tuple[Event, ...] = ()
    new_peak: bool = False


def alert_id(dedup_key: str, opened_at: datetime) -> str:
    """12 hex digits, the same whenever the same episode is derived again."""
    return hashlib.blake2b(f"{dedup_key}|{opened_at.isoformat()}".encode(), digest_size=6).hexdigest()


def severity_of(verdict: Verdict) -> Severity:
    """The highest rung whose three conditions hold."""
    for severity, p_value, ratio, sources in LADDER:
        if verdict.p_value <= p_value and verdict.ratio >= ratio and verdict.sources >= sources:
            return severity
    return Severity.INFO


def open_episode(
    cell: Cell,
    at: datetime,
    verdicts: Mapping[str, Verdict],
    limits: Thresholds,
    since: datetime | None = None,
) -> Advance:
    """A new episode when some span fires; the span with the smaller tail names it."""
    firing = [verdict for verdict in verdicts.values() if fires(verdict, limits)]
    if not firing:
        return Advance(None)
    first = max(firing, key=lambda verdict: verdict.strength)
    severity = max((severity_of(verdict) for verdict in firing), key=SEVERITY_RANK.__getitem__)
    identity = alert_id(cell.dedup_key, at)
    episode = Episode(cell, identity, State.FIRING, severity, at, at, None, first, at, since)
    return Advance(episode, (Event(identity, at, EventKind.OPENED, severity, first),), new_peak=True)


def hold_episode(
    episode: Episode, at: datetime, verdicts: Mapping[str, Verdict], limits: Thresholds
) -> Advance:
    """The same episode one evaluated pane end later."""
    if not any(holds(verdict, limits) for verdict in verdicts.values()):
        return _quiet(episode, at, limits)
    current = replace(episode, last_at=at)
    figures = verdicts.get(episode.peak.span)
    new_peak = figures is not None and figures.strength > episode.peak.strength
    if figures is not None and new_peak:
        current = replace(current, peak=figures, peak_at=at)
    loud = [verdict for verdict in verdicts.values() if fires(verdict, limits)]
    top = max(loud, key=lambda verdict: SEVERITY_RANK[severity_of(verdict)], default=None)
    if top is None or SEVERITY_RANK[severity_of(top)] <= SEVERITY_RANK[episode.severity]:
        return Advance(current, (), new_peak)
    current = replace(current, severity=severity_of(top))
    event = Event(episode.alert_id, at, EventKind.ESCALATED, current.severity, top)
    return Advance(current, (event,), new_peak)


def _quiet(episode: Episode, at: datetime, limits: Thresholds) -> Advance:
    if at - episode.last_at < limits.resolve_after:
        return Advance(episode)
    resolved = replace(episode, state=State.RESOLVED, resolved_at=at)
    event = Event(episode.alert_id, at, EventKind.RESOLVED, episode.severity, episode.peak)
    return Advance(resolved, (event,))
