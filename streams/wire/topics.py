"""The topic table: every Kafka topic that sentiwatch reads or writes, and how it is made.

`sentiwatch topics create` makes them from here; nothing else declares a topic.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from streams.domain.document import SourceClass
from streams.errors import Misconfigured

if TYPE_CHECKING:
    from collections.abc import Mapping

    from streams.settings import KafkaSettings

MAX_MESSAGE_BYTES: Final = 4 * 1024 * 1024
"""A 1 MB text in any escaping still arrives, to be a dead letter of ours and no error of its producer's."""

TEN_YEARS_MS: Final = 10 * 366 * 24 * 60 * 60 * 1000
FOREVER_MS: Final = 2**63 - 1

_COMMON: Final = {
    "cleanup.policy": "delete",
    "max.message.bytes": str(MAX_MESSAGE_BYTES),
    # Replay starts from times, so a record's time is its producer's, never the moment the broker appended it.
    "message.timestamp.type": "CreateTime",
}

_HISTORY: Final = _COMMON | {
    # Inputs are the history that replays and backtests read again.
    "retention.ms": "-1",
    "retention.bytes": "-1",
    # Records stamped with event times of years would otherwise roll a segment for every week of them.
    "segment.ms": str(TEN_YEARS_MS),
    # Brokers limit what a batch is compressed, not what it unpacks to (gzip: a thousand times that). They pack batches anew
    # here, and Snappy knows no better than 21 to 1: 4 MiB hold at most some 90 MB, whatever a producer made of it.
    "compression.type": "snappy",
    # Recorded streams may lie ahead of this broker's clock; what is too early is ours to judge.
    "message.timestamp.after.max.ms": str(FOREVER_MS),
}

NEWER_CONFIG: Final = frozenset({"message.timestamp.after.max.ms"})
"""Known to brokers from 3.6 on; older ones accept every timestamp anyway."""


class Direction(StrEnum):
    """Whether we read a topic or write it."""

    INPUT = "input"
    OUTPUT = "output"


@dataclass(frozen=True, slots=True)
class Topic:
    """One row of the table: inputs have a ``source_class``; ``partitions`` None is the settings' number."""

    name: str
    direction: Direction
    purpose: str
    source_class: SourceClass | None = None
    partitions: int | None = None
    config: Mapping[str, str] = field(default_factory=dict)

    def partition_count(self, settings: KafkaSettings) -> int:
        return settings.partitions if self.partitions is None else self.partitions


NEWS: Final = Topic(
    name="news.raw.v1",
    direction=Direction.INPUT,
    purpose="news as document.v1, keyed by source-side id",
    source_class=SourceClass.NEWS,
    config=MappingProxyType(_HISTORY),
)
SOCIAL: Final = Topic(
    name="social.raw.v1",
    direction=Direction.INPUT,
    purpose="posts as document.v1, keyed by source-side id",
    source_class=SourceClass.SOCIAL,
    config=MappingProxyType(_HISTORY),
)
ALERTS: Final = Topic(
    name="alerts.v1",
    direction=Direction.OUTPUT,
    purpose="alert events, keyed by dedup_key; one partition, so that readers see them in order",
    partitions=1,
    config=MappingProxyType(_COMMON),
)
DEAD_LETTERS: Final = Topic(
    name="dead-letters.v1",
    direction=Direction.OUTPUT,
    purpose="records that could not become documents, with reason and coordinates",
    partitions=1,
    config=MappingProxyType(_COMMON),
)

TOPICS: Final = (NEWS, SOCIAL, ALERTS, DEAD_LETTERS)
INPUT_TOPICS: Final = tuple(topic for topic in TOPICS if topic.direction is Direction.INPUT)
SOURCE_CLASSES: Final[Mapping[str, SourceClass]] = MappingProxyType(
    {topic.name: topic.source_class for topic in INPUT_TOPICS if topic.source_class is not None}
)


def input_topic(name: str) -> Topic:
    """The input topic of this name.

    Raises:
        Misconfigured: there is no such input; the text lists those there are.
    """
    for topic in INPUT_TOPICS:
        if topic.name == name:
            return topic
    names = ", ".join(topic.name for topic in INPUT_TOPICS)
    raise Misconfigured(f"unknown input topic {name!r}; there are {names}")
