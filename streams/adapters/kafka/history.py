"""Reading history: assigned partitions, a bounded stretch of offsets, no consumer group."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from aiokafka import AIOKafkaConsumer
from aiokafka.structs import TopicPartition

from streams.adapters.kafka.admin import OffsetSpan, offset_spans
from streams.adapters.kafka.connecting import connected, where
from streams.adapters.kafka.security import connection
from streams.adapters.kafka.translation import kafka_errors
from streams.domain.document import RawRecord, SourcePartition
from streams.wire.times import from_milliseconds, milliseconds

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Mapping
    from datetime import datetime

    from streams.settings import KafkaSettings

POLL_MS: Final = 500
POLL_RECORDS: Final = 2_000


class HistoryReader:
    """Reads given offsets of given partitions once, and knows when it has."""

    def __init__(self, consumer: AIOKafkaConsumer, place: str) -> None:
        self._consumer = consumer
        self._place = place
        self._ends: dict[TopicPartition, int] = {}

    @classmethod
    @asynccontextmanager
    async def connect(cls, settings: KafkaSettings) -> AsyncIterator[HistoryReader]:
        """A started consumer without a group.

        Raises:
            Unavailable: the broker cannot be reached.
        """
        arguments = connection(settings)

        def make() -> AIOKafkaConsumer:
            return AIOKafkaConsumer(
                **arguments,
                enable_auto_commit=False,
                auto_offset_reset="earliest",
                isolation_level="read_committed",
            )

        async with connected(make, AIOKafkaConsumer.stop, settings) as consumer:
            yield cls(consumer, where(settings))

    def start(self, spans: Mapping[SourcePartition, OffsetSpan]) -> None:
        """Read each partition from its span's beginning up to its end."""
        self._ends = {TopicPartition(s.topic, s.partition): span.end for s, span in spans.items()}
        self._consumer.assign(list(self._ends))
        for source, span in spans.items():
            self._consumer.seek(TopicPartition(source.topic, source.partition), span.beginning)

    async def fetch(self) -> list[RawRecord]:
        """The next records below the ends, in offset order a partition; empty when nothing came in time."""
        with kafka_errors(self._place):
            found = await self._consumer.getmany(timeout_ms=POLL_MS, max_records=POLL_RECORDS)
        return [
            RawRecord(
                source=SourcePartition(record.topic, record.partition),
                offset=record.offset,
                timestamp=from_milliseconds(record.timestamp),
                key=record.key,
                value=record.value,
                headers=tuple((name, value or b"") for name, value in record.headers),
            )
            for partition, records in found.items()
            for record in records
            if record.offset < self._ends[partition]
        ]

    async def at_end(self) -> bool:
        """Whether every partition's position has reached its end; holes and control records count as read."""
        with kafka_errors(self._place):
            for partition, end in self._ends.items():
                if await self._consumer.position(partition) < end:
                    return False
        return True


async def spans_between(
    settings: KafkaSettings, topics: Collection[str], since: datetime | None, until: datetime | None
) -> dict[SourcePartition, OffsetSpan]:
    """The offsets of records stamped in [since, until), as of now; None is open.

    History is stamped with event time on ingest, so these are event times.
    """
    spans = await offset_spans(settings, topics)
    first = await _offsets_at(settings, spans, since)
    last = await _offsets_at(settings, spans, until)
    result = {}
    for source, span in spans.items():
        beginning = span.beginning if since is None else first.get(source, span.end)
        end = span.end if until is None else last.get(source, span.end)
        result[source] = OffsetSpan(beginning, max(beginning, end))
    return result


async def _offsets_at(
    settings: KafkaSettings, sources: Collection[SourcePartition], time: datetime | None
) -> dict[SourcePartition, int]:
    """The first offset stamped at or after ``time``, of the partitions that have one."""
    if time is None:
        return {}
    wanted = {TopicPartition(source.topic, source.partition): milliseconds(time) for source in sources}
    async with HistoryReader.connect(settings) as reader:
        with kafka_errors(where(settings)):
            reader._consumer.assign(list(wanted))  # noqa: SLF001 - the same module's class
            found = await reader._consumer.offsets_for_times(wanted)  # noqa: SLF001
    return {SourcePartition(tp.topic, tp.partition): at.offset for tp, at in found.items() if at is not None}
