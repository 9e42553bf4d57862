"""The outbox: messages leave in the order of their rows, at least once, each under its dedup key."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from streams.errors import Dependency, Unavailable, UnknownTopic
from streams.wire.outgoing import Outgoing

if TYPE_CHECKING:
    from streams.adapters.postgres.connection import Database
    from streams.ports import Relay

SELECT_UNSENT = (
    "SELECT outbox_id, topic, record_key, record_value, headers FROM core.outbox WHERE published_at IS NULL"
    " ORDER BY outbox_id LIMIT %s FOR UPDATE SKIP LOCKED"
)


UNKNOWN_SECONDS = 60.0


class PostgresOutbox:
    """Hands unsent rows to a relay and marks them once the broker has confirmed them."""

    def __init__(self, database: Database, relay: Relay) -> None:
        self._database = database
        self._relay = relay
        self._unknown_since: float | None = None

    async def flush(self, limit: int = 500) -> int:
        """Publish up to ``limit`` rows; returns how many. A crash before the commit sends them again (same dedup key)."""
        async with self._database.transaction() as connection:
            rows = await (await connection.execute(SELECT_UNSENT, (limit,))).fetchall()
            await self._publish([outgoing(*row[1:]) for row in rows])
            await connection.execute(
                "UPDATE core.outbox SET published_at = now() WHERE outbox_id = ANY(%s)",
                ([row[0] for row in rows],),
            )
        return len(rows)

    async def _publish(self, records: list[Outgoing]) -> None:
        """A broker that was started again may not know its topics for a while: that is no reason to end."""
        try:
            await self._relay.publish(records)
        except UnknownTopic as error:
            self._unknown_since = self._unknown_since or time.monotonic()
            if time.monotonic() - self._unknown_since > UNKNOWN_SECONDS:
                raise
            raise Unavailable(str(error), Dependency.KAFKA) from error
        self._unknown_since = None


def outgoing(topic: str, key: bytes, value: bytes, headers: dict[str, str]) -> Outgoing:
    """An outbox row as a Kafka record."""
    pairs = tuple((name, text.encode()) for name, text in sorted(headers.items()))
    return Outgoing(topic, bytes(value), key=bytes(key), headers=pairs)
