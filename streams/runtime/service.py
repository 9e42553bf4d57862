"""What a worker works with, as put together by `streams.bootstrap`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from streams.adapters.prometheus import Telemetry
from streams.runtime.breaker import Breakers

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from streams.domain.document import SourceClass, SourcePartition
    from streams.pipeline import Pipeline
    from streams.ports import DocumentStore, Outbox, Relay
    from streams.settings import Settings
    from streams.stages.close_windows import Closer


@dataclass(slots=True)
class Service:
    """Everything, connected. ``find_ends`` runs the start-up checks that need both Kafka and Postgres."""

    settings: Settings
    inputs: Mapping[str, SourceClass]
    pipeline: Pipeline
    store: DocumentStore
    closer: Closer
    outbox: Outbox
    relay: Relay
    find_ends: Callable[[], Awaitable[Mapping[SourcePartition, int]]]
    abandon: Callable[[], None] = lambda: None
    """Break off what still waits for an answer of Postgres; for a worker that must end now."""
    breakers: Breakers = field(default_factory=Breakers)
    telemetry: Telemetry = field(default_factory=Telemetry)
