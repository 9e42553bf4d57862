"""The erasure ledger as stored: read once, then only when it has grown, under a lock that erasures wait for."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from streams.domain.document import SourcePartition
from streams.domain.erasure import Ledger
from streams.errors import Misconfigured

if TYPE_CHECKING:
    from psycopg import AsyncConnection

    from streams.domain.batch import Batch
    from streams.domain.document import Document
    from streams.domain.pseudonym import KeyRing

# Names its lock in pg_locks; any fixed number does. Writers share it, an erasure has it alone.
ERASURE_LOCK = 0x5E18
CONTENT = """
    SELECT kind, document_id, author_key, kafka_topic, kafka_partition, kafka_offset FROM core.erasure_ledger
    ORDER BY kind, document_id, author_key, kafka_topic COLLATE "C", kafka_partition, kafka_offset
"""


class PostgresErasures:
    """What of the input may not be stored any more; see `streams.ports.Erasures`."""

    def __init__(self, keys: KeyRing) -> None:
        self._ledger = Ledger(keys)

    def covers(self, document: Document) -> bool:
        """As of the last transaction; `without_erased` decides."""
        return self._ledger.covers(document)

    async def refresh(self, connection: AsyncConnection[Any]) -> None:
        """Take in what was erased since; no erasure can commit before this transaction ends."""
        await connection.execute("SELECT pg_advisory_xact_lock_shared(%s)", (ERASURE_LOCK,))
        cursor = await connection.execute("SELECT coalesce(max(erasure_id), 0) FROM core.erasure_ledger")
        row = await cursor.fetchone()
        if row is not None and row[0] != self._ledger.version:
            self._ledger = await load_ledger(connection, self._ledger.keys, row[0])

    async def without_erased(self, connection: AsyncConnection[Any], batch: Batch) -> Batch:
        """What of a batch may be stored by this transaction."""
        await self.refresh(connection)
        return self._ledger.without_erased(batch)


async def load_ledger(connection: AsyncConnection[Any], keys: KeyRing, version: int) -> Ledger:
    """The whole ledger, as it is at this version."""
    rows = await (await connection.execute(CONTENT)).fetchall()
    return Ledger(
        keys=keys,
        version=version,
        documents=frozenset(row[1] for row in rows if row[1] is not None),
        authors=frozenset(bytes(row[2]) for row in rows if row[2] is not None),
        records=frozenset((SourcePartition(row[3], row[4]), row[5]) for row in rows if row[3] is not None),
    )


async def ledger_digest(connection: AsyncConnection[Any]) -> str:
    """SHA-256 over the ledger's content: equal ledgers give equal digests, whenever and in however many steps they grew."""
    rows = await (await connection.execute(CONTENT)).fetchall()
    lines = [
        "|".join(bytes(part).hex() if isinstance(part, bytes) else str(part) for part in row) for row in rows
    ]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


async def check_keys(connection: AsyncConnection[Any], keys: KeyRing) -> None:
    """Note which keys are in use; a key may not change under its version, or authors would not be found again.

    Raises:
        Misconfigured: a version has another key, or another beginning, than this database was written with.
    """
    for key in keys.keys:
        since = None if key == keys.keys[0] else key.since
        await connection.execute(
            "INSERT INTO core.author_key (version, since, check_value) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
            (key.version, since, key.check),
        )
        cursor = await connection.execute(
            "SELECT check_value, since FROM core.author_key WHERE version = %s", (key.version,)
        )
        stored = await cursor.fetchone()
        if stored is not None and bytes(stored[0]) != key.check:
            raise Misconfigured(
                f"this database was written with another author key of version {key.version}: put it back, or give the"
                " new key a version of its own (SENTIWATCH_PRIVACY__AUTHOR_KEYS)"
            )
        if stored is not None and stored[1] != since:
            raise Misconfigured(
                f"author key {key.version} was in use from another time on ({stored[1] or 'the beginning'}): put it back"
            )


async def require_keys(connection: AsyncConnection[Any], keys: KeyRing) -> None:
    """Refuse to look for a handle with other keys than its documents were written with: nothing would be found.

    Raises:
        Misconfigured: a key is another one, or one in use here is not given.
    """
    await check_keys(connection, keys)
    rows = await (await connection.execute("SELECT version FROM core.author_key ORDER BY version")).fetchall()
    missing = sorted({row[0] for row in rows} - {key.version for key in keys.keys})
    if missing:
        raise Misconfigured(
            f"author keys of version {', '.join(map(str, missing))} were in use here and are not given"
            " (SENTIWATCH_PRIVACY__AUTHOR_KEYS): documents under them would not be found; erase those by document or key"
        )
