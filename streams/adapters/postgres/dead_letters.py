"""Dead letters as they are looked after: finding them, and noting what was done about them."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

from streams.adapters.postgres.runs import find_run
from streams.domain.dead_letter import Event, Letter, Place
from streams.errors import Misconfigured

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from streams.adapters.postgres.connection import Database
    from streams.adapters.postgres.runs import Run
    from streams.domain.dead_letter import Wanted

# Names its lock in pg_locks; any fixed number does.
REPLAY_LOCK: Final = 0x5E1D

FIND: Final = """
    SELECT letter.kafka_topic, letter.kafka_partition, letter.kafka_offset, reason, detail, record_key, payload, payload_bytes,
           payload_sha256, record_headers, ingest_time, status, first_kafka_partition, first_kafka_offset, copy_partition,
           copy_offset
    FROM core.dead_letter AS letter
    JOIN core.dead_letter_status USING (run_id, kafka_topic, kafka_partition, kafka_offset)
    WHERE run_id = %(run)s
      AND (%(reasons)s::text[] = '{}' OR reason = ANY (%(reasons)s))
      AND (%(topics)s::text[] = '{}' OR letter.kafka_topic = ANY (%(topics)s))
      AND (%(statuses)s::text[] = '{}' OR status = ANY (%(statuses)s))
      AND (%(since)s::timestamptz IS NULL OR ingest_time >= %(since)s)
      AND (%(until)s::timestamptz IS NULL OR ingest_time < %(until)s)
      AND (%(naming)s::bytea = '' OR position(%(naming)s::bytea IN payload) > 0
           OR position(convert_to(encode(%(naming)s::bytea, 'base64'), 'UTF8') IN coalesce(record_headers, '')) > 0)
      AND (%(places)s::text[] = '{}' OR
           letter.kafka_topic || '-' || letter.kafka_partition || '-' || letter.kafka_offset = ANY (%(places)s))
    ORDER BY letter.kafka_topic COLLATE "C", letter.kafka_partition, letter.kafka_offset
    LIMIT %(limit)s
"""
COUNT: Final = """
    SELECT kafka_topic, reason, status, count(*) FROM core.dead_letter
    JOIN core.dead_letter_status USING (run_id, kafka_topic, kafka_partition, kafka_offset)
    WHERE run_id = %s GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
"""
NOTE: Final = """
    INSERT INTO core.dead_letter_event (run_id, kafka_topic, kafka_partition, kafka_offset, kind, replay_id, copy_partition,
                                        copy_offset, first_partition, first_offset, note, made_by)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
"""
EVENT_FIELDS: Final = (
    "kafka_topic, kafka_partition, kafka_offset, kind, made_by, note, replay_id, copy_partition, copy_offset,"
    " first_partition, first_offset, recorded_at"
)
# Letters whose last event is that they were about to be published.
STARTED: Final = f"""
    SELECT {EVENT_FIELDS} FROM (
        SELECT DISTINCT ON (kafka_topic, kafka_partition, kafka_offset) * FROM core.dead_letter_event
        WHERE run_id = %s ORDER BY kafka_topic, kafka_partition, kafka_offset, event_id DESC
    ) AS latest WHERE kind = 'replaying'
"""
HISTORY: Final = f"""
    SELECT {EVENT_FIELDS} FROM core.dead_letter_event
    WHERE run_id = %s AND kafka_topic = %s AND kafka_partition = %s AND kafka_offset = %s ORDER BY event_id
"""


class DeadLetters:
    """The letters of one run."""

    def __init__(self, database: Database, run: Run) -> None:
        self._database = database
        self._run = run

    @property
    def is_live(self) -> bool:
        """Replays are bounded by the offsets they were given: what is published later is none of theirs."""
        return self._run.kind == "live"

    async def find(self, wanted: Wanted) -> list[Letter]:
        """In the order of their places."""
        values = {
            "run": self._run.run_id,
            "reasons": list(wanted.reasons),
            "topics": list(wanted.topics),
            "statuses": list(wanted.statuses),
            "since": wanted.since,
            "until": wanted.until,
            "naming": wanted.naming.encode(),
            "places": [str(place) for place in wanted.places],
            "limit": wanted.limit,
        }
        async with self._database.transaction() as connection:
            return [_letter(row) for row in await (await connection.execute(FIND, values)).fetchall()]

    async def count(self) -> list[tuple[str, str, str, int]]:
        """Letters by topic, reason and status."""
        async with self._database.transaction() as connection:
            return await (await connection.execute(COUNT, (self._run.run_id,))).fetchall()

    async def note(self, events: Sequence[Event]) -> None:
        """Append events, all or none."""
        async with self._database.transaction() as connection, connection.cursor() as cursor:
            await cursor.executemany(NOTE, [self._event_row(event) for event in events])

    def _event_row(self, event: Event) -> tuple[Any, ...]:
        letter, first = event.letter, event.first
        return (
            self._run.run_id, letter.topic, letter.partition, letter.offset, event.kind, event.replay_id, event.copy_partition,
            event.copy_offset, first.partition if first else None, first.offset if first else None, event.note, event.made_by,
        )  # fmt: skip

    async def started(self) -> list[Event]:
        """Replays that were begun and never noted as published."""
        async with self._database.transaction() as connection:
            rows = await (await connection.execute(STARTED, (self._run.run_id,))).fetchall()
        return [_event(row) for row in rows]

    async def history(self, place: Place) -> list[Event]:
        """What was done about one letter, in order."""
        values = (self._run.run_id, place.topic, place.partition, place.offset)
        async with self._database.transaction() as connection:
            return [_event(row) for row in await (await connection.execute(HISTORY, values)).fetchall()]

    @asynccontextmanager
    async def exclusively(self) -> AsyncIterator[None]:
        """Nobody else replays dead letters meanwhile; the lock goes with this process.

        Raises:
            Misconfigured: somebody does.
        """
        async with self._database.transaction() as connection:
            row = await (
                await connection.execute("SELECT pg_try_advisory_xact_lock(%s)", (REPLAY_LOCK,))
            ).fetchone()
            if row is None or not row[0]:
                raise Misconfigured("another `sentiwatch dlq replay` is under way: wait for its end")
            yield


async def open_letters(database: Database, name: str) -> DeadLetters:
    """Those of the run of this name.

    Raises:
        Misconfigured: there is no such run.
    """
    async with database.transaction() as connection:
        run = await find_run(connection, name)
    if run is None:
        raise Misconfigured(f"there is no run {name!r}; `sentiwatch run list` names them")
    return DeadLetters(database, run)


def _place(topic: str, partition: int | None, offset: int | None) -> Place | None:
    return None if partition is None or offset is None else Place(topic, partition, offset)


def _letter(row: tuple[Any, ...]) -> Letter:
    topic = row[0]
    return Letter(
        place=Place(topic, row[1], row[2]),
        reason=row[3],
        detail=row[4],
        key=None if row[5] is None else bytes(row[5]),
        payload=bytes(row[6]),
        payload_bytes=row[7],
        sha256=bytes(row[8]),
        headers=None if row[9] is None else bytes(row[9]),
        ingest_time=row[10],
        status=row[11],
        first=_place(topic, row[12], row[13]),
        copy=_place(topic, row[14], row[15]),
    )


def _event(row: tuple[Any, ...]) -> Event:
    topic, partition, offset, kind, made_by, note, replay_id, copy_partition, copy_offset, *first, at = row
    return Event(
        letter=Place(topic, partition, offset),
        kind=kind,
        made_by=made_by,
        note=note,
        replay_id=str(replay_id) if replay_id else None,
        copy_partition=copy_partition,
        copy_offset=copy_offset,
        first=_place(topic, *first),
        recorded_at=at,
    )
