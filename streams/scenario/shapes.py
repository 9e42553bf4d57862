"""What the generator hands out, and the draft of a document before it becomes bytes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from streams.scenario.cast import Company, Voice

Label = Literal["negative", "neutral", "positive"]
Language = Literal["en", "zh"]
Channel = Literal["news", "social"]
Topic = Literal["news.raw.v1", "social.raw.v1"]
PlantKind = Literal["negative_surge", "topic_surge", "echo_storm", "positive_surge"]

KAFKA_TOPIC: Mapping[Channel, Topic] = {"news": "news.raw.v1", "social": "social.raw.v1"}


@dataclass(frozen=True, slots=True)
class Record:
    """One Kafka record; `timestamp_ms` is its Kafka timestamp in epoch milliseconds (UTC)."""

    topic: Topic
    key: bytes
    value: bytes
    timestamp_ms: int


@dataclass(frozen=True, slots=True)
class Truth:
    """What the author of a document meant: to measure models with, never to be published."""

    label: Label
    topic: str
    entity: str | None
    language: Language
    kind: PlantKind | Literal["ordinary"]
    event_time: datetime


@dataclass(frozen=True, slots=True)
class Planted:
    """One planted event; `start` and `end` are the event times of its first and last document."""

    kind: PlantKind
    entity: str | None
    topic: str
    start: datetime
    end: datetime
    documents: tuple[str, ...]

    @property
    def alerts(self) -> bool:
        """Whether a negative alert is due: echoes and good news must not raise one."""
        return self.kind in {"negative_surge", "topic_surge"}


@dataclass(frozen=True, slots=True)
class Scenario:
    """A week of records in publish order, and what was planted in it.

    `truth` has an entry for each valid document id (redeliveries and revisions share their document's id);
    `malformed` counts records that must end as dead letters, by a hint of the reason.
    """

    seed: int
    records: tuple[Record, ...]
    planted: tuple[Planted, ...]
    malformed: Mapping[str, int]
    span: tuple[datetime, datetime]
    truth: Mapping[str, Truth]


@dataclass(frozen=True, slots=True)
class Draft:
    """A document before it has an id; `seconds` counts from the start of the span."""

    seconds: int
    channel: Channel
    language: Language
    title: str
    content: str
    voice: Voice
    label: Label
    topic: str
    company: Company | None
    kind: PlantKind | Literal["ordinary"] = "ordinary"
    hints: tuple[str, ...] = ()
