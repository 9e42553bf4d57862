"""Dead letters, published again to where they came from: each once, whatever is cut off in between.

A copy has the original's bytes, key, headers, partition and Kafka timestamp, so that it is judged as the original was; three
headers more name the copy, what it is a copy of, and where the record failed first. It is a record like any other: late
for windows long closed, a duplicate where the document came meanwhile.

Before publishing, the intent is noted with the partition's end offset; after it, the copy's offset. A replay that finds an
intent without the second note looks for the copy from that offset on: what is there is noted, what is not is open again.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import TYPE_CHECKING, Final

from streams.adapters.kafka.admin import OffsetSpan, end_offsets
from streams.adapters.kafka.history import HistoryReader
from streams.deadletters.originals import Original, original_of
from streams.domain.dead_letter import Event, Place
from streams.domain.document import SourcePartition
from streams.errors import Misconfigured
from streams.wire.headers import REPLAY, copy_headers
from streams.wire.outgoing import Outgoing
from streams.wire.times import milliseconds

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from streams.adapters.kafka.producer import KafkaProducer
    from streams.adapters.postgres.dead_letters import DeadLetters
    from streams.domain.dead_letter import Letter, Wanted
    from streams.settings import KafkaSettings

CHUNK: Final = 200
CUT_OFF: Final = "cut off before it was published"


@dataclass(slots=True)
class Outcome:
    """What one call has done."""

    published: list[Place] = field(default_factory=list)
    found_published: list[Place] = field(default_factory=list)
    """Copies of a call that was cut off before it could note them."""
    refused: list[tuple[Place, str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Replayer:
    """Publishes letters of one live run."""

    letters: DeadLetters
    producer: KafkaProducer
    settings: KafkaSettings
    operator: str
    note: str = ""

    async def replay(self, wanted: Wanted) -> Outcome:
        """Publish every open letter that is meant; what an earlier call left unfinished comes first.

        Raises:
            Misconfigured: the run is no live one, or another replay is under way.
            Unavailable: Kafka or Postgres does not answer; call again.
        """
        if not self.letters.is_live:
            raise Misconfigured("dead letters of a replay are read again by another replay of the same span")
        outcome = Outcome()
        async with self.letters.exclusively():
            await self._finish_started(outcome)
            found = iter(await self.letters.find(replace(wanted, statuses=("open",))))
            while chunk := list(islice(found, CHUNK)):
                await self._publish(chunk, outcome)
        return outcome

    async def _publish(self, chunk: Sequence[Letter], outcome: Outcome) -> None:
        ready: list[tuple[Letter, Original]] = []
        for letter in chunk:
            original = await original_of(letter, self.settings)
            if isinstance(original, str):
                outcome.refused.append((letter.place, original))
            else:
                ready.append((letter, original))
        if not ready:
            return
        ends = await end_offsets(self.settings, sorted({letter.place.topic for letter, _ in ready}))
        intents = [self._intent(letter, ends) for letter, _ in ready]
        await self.letters.note(intents)
        records = [
            _copy(letter, original, event) for (letter, original), event in zip(ready, intents, strict=True)
        ]
        offsets = await self.producer.publish_placed(records)
        await self.letters.note(
            [
                replace(event, kind="replayed", copy_offset=offset)
                for event, offset in zip(intents, offsets, strict=True)
            ]
        )
        outcome.published += [letter.place for letter, _ in ready]

    def _intent(self, letter: Letter, ends: Mapping[SourcePartition, int]) -> Event:
        place = letter.place
        return Event(
            letter=place,
            kind="replaying",
            made_by=self.operator,
            note=self.note,
            replay_id=str(uuid.uuid4()),
            copy_partition=place.partition,
            copy_offset=ends[SourcePartition(place.topic, place.partition)],
            first=letter.first or place,
        )

    async def _finish_started(self, outcome: Outcome) -> None:
        started = await self.letters.started()
        if not started:
            return
        copies = await self._copies(started)
        events = [_finished(event, copies.get(event.replay_id or "")) for event in started]
        await self.letters.note(events)
        outcome.found_published += [event.letter for event in events if event.kind == "replayed"]

    async def _copies(self, started: Sequence[Event]) -> dict[str, int]:
        """Offsets of the copies that are in Kafka, by replay id."""
        ends = await end_offsets(self.settings, sorted({event.letter.topic for event in started}))
        spans: dict[SourcePartition, OffsetSpan] = {}
        for event in started:
            source = SourcePartition(event.letter.topic, event.copy_partition or 0)
            since = min(event.copy_offset or 0, spans[source].beginning if source in spans else ends[source])
            spans[source] = OffsetSpan(since, ends[source])
        wanted = {event.replay_id for event in started}
        spans = {source: span for source, span in spans.items() if span.beginning < span.end}
        found: dict[str, int] = {}
        if not spans:
            return found
        async with HistoryReader.connect(self.settings) as reader:
            reader.start(spans)
            while not await reader.at_end():
                for record in await reader.fetch():
                    name = dict(record.headers).get(REPLAY, b"").decode("utf-8", "replace")
                    if name in wanted:
                        found[name] = record.offset
        return found


def _finished(event: Event, offset: int | None) -> Event:
    if offset is None:
        return replace(
            event,
            kind="reopened",
            note=CUT_OFF,
            replay_id=None,
            copy_partition=None,
            copy_offset=None,
            first=None,
        )
    return replace(event, kind="replayed", copy_offset=offset)


def _copy(letter: Letter, original: Original, event: Event) -> Outgoing:
    return Outgoing(
        letter.place.topic,
        original.value,
        key=original.key,
        timestamp_ms=milliseconds(letter.ingest_time),
        headers=copy_headers(original.headers, event.replay_id or "", str(letter.place), str(event.first)),
        partition=letter.place.partition,
    )
