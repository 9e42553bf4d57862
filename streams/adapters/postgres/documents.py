"""The document store on Postgres: one transaction a batch.

Fast path: keys by one INSERT … ON CONFLICT DO NOTHING, documents and mentions by COPY. Only documents whose key existed
already (revisions, re-deliveries) take the slow path through `streams.domain.versions`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg import Rollback

from streams.adapters.postgres import arrays, history
from streams.adapters.postgres.burying import bury
from streams.adapters.postgres.erasure_ledger import PostgresErasures
from streams.adapters.postgres.rows import DOCUMENT_COLUMNS, MENTION_COLUMNS, RowMaker
from streams.adapters.postgres.runs import ensure_months, month_of
from streams.domain.document import Progress, SourcePartition, Version
from streams.domain.versions import Plan, Stored, resolve
from streams.domain.window import floor
from streams.errors import StaleWriter

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime
    from uuid import UUID

    from psycopg import AsyncConnection

    from streams.adapters.postgres.connection import Database
    from streams.adapters.postgres.runs import Run
    from streams.domain.batch import Batch, Move
    from streams.domain.document import Scored, SourceClass


LONGEST_WRITE = 60.0
"""Seconds; a slice takes milliseconds, behind the locks of another worker's slice a few more."""


KEY_COLUMNS: tuple[Callable[[Any], str], ...] = (
    arrays.texts, arrays.texts, arrays.plain, arrays.times, arrays.plain, arrays.times, arrays.binaries, arrays.times,
)  # fmt: skip
"""How each column of `_key_row` is written."""


class PostgresDocumentStore:
    """Writes the batches of one run."""

    def __init__(self, database: Database, run: Run, rows: RowMaker, dead_letter_bytes: int) -> None:
        self._database = database
        self._run = run
        self._rows = rows
        self.erasures = PostgresErasures(rows.keys)
        self._dead_letter_bytes = dead_letter_bytes
        self._months: set[tuple[int, int]] = set()

    async def register(self, partitions: Mapping[SourcePartition, tuple[SourceClass, int]]) -> None:
        """Make the progress row of every partition of the input topics, so that silent ones hold the watermark back."""
        async with self._database.transaction() as connection, connection.cursor() as cursor:
            await cursor.executemany(
                "INSERT INTO core.source_progress (run_id, kafka_topic, kafka_partition, source_class, next_offset)"
                " VALUES (%s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
                [
                    (self._run.run_id, source.topic, source.partition, source_class.value, beginning)
                    for source, (source_class, beginning) in sorted(partitions.items())
                ],
            )

    async def progress(self, partitions: Sequence[SourcePartition]) -> Mapping[SourcePartition, Progress]:
        """How far each partition is stored."""
        async with self._database.transaction(LONGEST_WRITE) as connection:
            await self.erasures.refresh(connection)
            cursor = await connection.execute(
                "SELECT kafka_topic, kafka_partition, next_offset, watermark, known_at, rejected FROM core.source_progress"
                " WHERE run_id = %s",
                (self._run.run_id,),
            )
            stored = {SourcePartition(row[0], row[1]): Progress(*row[2:]) for row in await cursor.fetchall()}
        return {source: stored[source] for source in partitions if source in stored}

    async def persist(self, batch: Batch) -> None:
        """Write a batch as a whole; see `streams.ports.DocumentStore`."""
        await self._prepare_months(batch)
        async with self._database.transaction(LONGEST_WRITE) as connection:
            await self._write(connection, batch)

    async def rehearse(self, batch: Batch) -> None:
        """The same, rolled back."""
        await self._prepare_months(batch)
        async with self._database.transaction(LONGEST_WRITE) as connection:
            await self._write(connection, batch)
            raise Rollback

    async def _write(self, connection: AsyncConnection[Any], batch: Batch) -> None:
        batch = await self.erasures.without_erased(connection, batch)
        await self._move(connection, batch.moves)
        await self._write_scores(connection, batch)
        await self._write_documents(connection, batch.documents)
        await bury(connection, self._run, batch.dead_letters, self._dead_letter_bytes)

    async def _prepare_months(self, batch: Batch) -> None:
        if not self._run.monthly:
            return
        needed = {month_of(item.enriched.document.event_time) for item in batch.documents} - self._months
        if needed:
            async with self._database.transaction() as connection:
                await ensure_months(connection, self._run.run_id, needed)
            self._months |= needed

    async def _move(self, connection: AsyncConnection[Any], moves: Sequence[Move]) -> None:
        stale = set()
        for move in sorted(moves, key=lambda move: move.source):
            cursor = await connection.execute(
                "UPDATE core.source_progress SET next_offset = %s, watermark = %s, known_at = %s, rejected = %s,"
                " updated_at = now()"
                " WHERE run_id = %s AND kafka_topic = %s AND kafka_partition = %s AND next_offset = %s",
                (
                    move.next_offset,
                    move.watermark,
                    move.known_at,
                    move.rejected,
                    self._run.run_id,
                    *place(move),
                    move.first,
                ),
            )
            if cursor.rowcount != 1:
                stale.add((move.source.topic, move.source.partition))
        if stale:
            raise StaleWriter(frozenset(stale))
        await self._note_steps(connection, moves)

    async def _note_steps(self, connection: AsyncConnection[Any], moves: Sequence[Move]) -> None:
        steps = [
            (
                self._run.run_id,
                *place(move),
                step.closes_until,
                step.known_at,
                step.next_offset,
                step.rejected,
            )
            for move in moves
            for step in move.steps
        ]
        if steps:
            async with connection.cursor() as cursor:
                await cursor.executemany(
                    "INSERT INTO core.watermark_step (run_id, kafka_topic, kafka_partition, closes_until, known_at,"
                    " next_offset, rejected) VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
                    steps,
                )

    async def _write_scores(self, connection: AsyncConnection[Any], batch: Batch) -> None:
        if not batch.scores:
            return
        ordered = sorted(batch.scores, key=lambda score: (score.model, score.key))
        await connection.execute(
            "INSERT INTO core.score SELECT text_hash, target, model, version, values::smallint[]"
            " FROM unnest(%s::bytea[], %s::text[], %s::text[], %s::text[], %s::text[])"
            " AS answers (text_hash, target, model, version, values) ON CONFLICT DO NOTHING",
            (
                arrays.binaries(score.key.text_hash for score in ordered),
                arrays.texts(score.key.target for score in ordered),
                arrays.texts(score.model for score in ordered),
                arrays.texts(score.version for score in ordered),
                arrays.texts(arrays.plain(score.probabilities.values) for score in ordered),
            ),
        )

    async def _write_documents(self, connection: AsyncConnection[Any], documents: Sequence[Scored]) -> None:
        if not documents:
            return
        stored = await self._claim_keys(connection, documents)
        plan = resolve(stored, documents)
        if plan.replace or plan.history:
            await history.file_superseded(connection, plan, self._rows)
        rows = [self._rows.rows(item) for item in plan.insert]
        await self._copy(connection, "document", DOCUMENT_COLUMNS, [row for row, _ in rows])
        await self._copy(connection, "mention", MENTION_COLUMNS, [row for _, own in rows for row in own])
        if plan.repeat:
            await history.add_repeats(connection, plan.repeat, self._rows)
        superseded = await history.date_superseded(connection, plan, self._rows.run_id)
        await self._mark_dirty(connection, superseded | self._delivered_panes(documents))
        await self._note_sources(connection, plan)

    async def _claim_keys(
        self, connection: AsyncConnection[Any], documents: Sequence[Scored]
    ) -> dict[UUID, Stored]:
        """Insert the keys that are new; return what is stored under the others, locked until the commit."""
        newest: dict[tuple[str, str], Scored] = {}
        for item in documents:
            document = item.enriched.document
            current = newest.get((document.source, document.source_id))
            if current is None or document.version > current.enriched.document.version:
                newest[document.source, document.source_id] = item
        rows = [self._key_row(newest[key]) for key in sorted(newest)]
        columns = [write(values) for write, values in zip(KEY_COLUMNS, zip(*rows, strict=True), strict=True)]
        cursor = await connection.execute(
            "INSERT INTO core.document_key SELECT %s, * FROM unnest(%s::text[], %s::text[], %s::uuid[], %s::timestamptz[],"
            " %s::int[], %s::timestamptz[], %s::bytea[], %s::timestamptz[]) ON CONFLICT DO NOTHING RETURNING document_id",
            (self._run.run_id, *columns),
        )
        claimed = {row[0] for row in await cursor.fetchall()}
        known = [row for row in rows if row[2] not in claimed]
        return await self._lock_keys(connection, known) if known else {}

    def _key_row(self, item: Scored) -> tuple[Any, ...]:
        document, version = item.enriched.document, item.enriched.document.version
        return (
            document.source, document.source_id, document.document_id, document.event_time, version.revision,
            version.source_time, version.content_hash, self._rows.known_pane(item),
        )  # fmt: skip

    async def _lock_keys(
        self, connection: AsyncConnection[Any], keys: Sequence[tuple[Any, ...]]
    ) -> dict[UUID, Stored]:
        cursor = await connection.execute(
            "SELECT document_id, revision, source_time, content_hash, event_time FROM core.document_key"
            " JOIN unnest(%s::text[], %s::text[]) AS wanted (source, source_id) USING (source, source_id)"
            " WHERE run_id = %s ORDER BY source, source_id FOR UPDATE OF document_key",
            (arrays.texts(key[0] for key in keys), arrays.texts(key[1] for key in keys), self._run.run_id),
        )
        return {
            row[0]: Stored(Version(row[1], row[2], bytes(row[3])), row[4]) for row in await cursor.fetchall()
        }

    async def _copy(
        self,
        connection: AsyncConnection[Any],
        table: str,
        columns: Sequence[str],
        rows: Sequence[tuple[Any, ...]],
    ) -> None:
        if not rows:
            return
        statement = f"COPY core.{table} ({', '.join(columns)}) FROM STDIN"
        async with connection.cursor() as cursor, cursor.copy(statement) as copy:
            for row in rows:
                await copy.write_row(row)

    def _delivered_panes(self, documents: Sequence[Scored]) -> set[tuple[datetime, datetime]]:
        """Panes that have other rows now, each with the pane end from which on closed windows show it."""
        return {(floor(item.enriched.document.event_time), self._rows.known_pane(item)) for item in documents}

    async def _mark_dirty(
        self, connection: AsyncConnection[Any], panes: set[tuple[datetime, datetime]]
    ) -> None:
        ordered = sorted(panes)
        await connection.execute(
            "INSERT INTO core.dirty_window (run_id, pane_start, known_pane)"
            " SELECT %s, * FROM unnest(%s::timestamptz[], %s::timestamptz[])",
            (self._run.run_id, [start for start, _ in ordered], [known for _, known in ordered]),
        )

    async def _note_sources(self, connection: AsyncConnection[Any], plan: Plan) -> None:
        sources = {(i.enriched.document.source, i.enriched.document.source_class.value) for i in plan.insert}
        async with connection.cursor() as cursor:
            await cursor.executemany(
                "INSERT INTO core.source VALUES (%s, %s) ON CONFLICT DO NOTHING", sorted(sources)
            )


def place(move: Move) -> tuple[str, int]:
    """Topic and partition of a move."""
    return move.source.topic, move.source.partition
