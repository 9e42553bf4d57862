"""What Kafka still holds of records that were erased here: Kafka cannot delete single records, it forgets by age."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby
from typing import TYPE_CHECKING

from streams.adapters.kafka.admin import KafkaAdmin, offset_spans
from streams.wire.topics import DEAD_LETTERS, TOPICS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from datetime import datetime

    from streams.settings import KafkaSettings

Coordinates = tuple[str, int, int]
RETENTION = "retention.ms"


@dataclass(frozen=True, slots=True)
class Retained:
    """Offsets [first, last] of one partition that may hold erased content; ``until`` None = for ever."""

    topic: str
    partition: int
    first: int
    last: int
    until: datetime | None


async def still_held(settings: KafkaSettings, records: Mapping[Coordinates, datetime]) -> list[Retained]:
    """Where Kafka still holds these records (by coordinates, with their Kafka timestamps), and until when.

    Raises:
        Unavailable: the broker does not answer.
    """
    topics = sorted({topic for topic, _, _ in records})
    if not topics:
        return []
    spans = await offset_spans(settings, topics)
    begins = {(source.topic, source.partition): span.beginning for source, span in spans.items()}
    kept = await retention(settings, topics)
    left = sorted(place for place in records if place[2] >= begins.get(place[:2], place[2] + 1))
    return [
        Retained(
            *places[0], places[-1][2], expiry(max(records[place] for place in places), kept.get(places[0][0]))
        )
        for places in consecutive(left)
    ]


async def retention(settings: KafkaSettings, topics: Collection[str]) -> dict[str, timedelta | None]:
    """How long each topic keeps a record; None = for ever."""
    async with KafkaAdmin.connect(settings) as admin:
        found = await admin.describe([topic for topic in TOPICS if topic.name in topics])
    return {name: age(state.config.get(RETENTION, "-1")) for name, state in found.items()}


async def copies_expire(settings: KafkaSettings, published: Collection[datetime]) -> datetime | None:
    """When the last published copy of a dead letter is forgotten; None = never."""
    kept = await retention(settings, [DEAD_LETTERS.name])
    return expiry(max(published), kept.get(DEAD_LETTERS.name))


def age(milliseconds: str) -> timedelta | None:
    """A topic's retention.ms as a span."""
    return None if int(milliseconds) < 0 else timedelta(milliseconds=int(milliseconds))


def expiry(time: datetime, kept: timedelta | None) -> datetime | None:
    """When a record of this time is old enough to go; the broker drops whole segments, so it may take longer."""
    return None if kept is None else time + kept


def consecutive(places: Iterable[Coordinates]) -> list[list[Coordinates]]:
    """Sorted coordinates in runs without a gap, of one partition each."""
    numbered = enumerate(places)
    groups = groupby(numbered, key=lambda pair: (pair[1][0], pair[1][1], pair[1][2] - pair[0]))
    return [[place for _, place in group] for _, group in groups]
