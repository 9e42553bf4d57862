"""What every outbox owes its callers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from streams.adapters.memory.outbox import MemoryOutbox
from streams.adapters.memory.relay import MemoryRelay
from streams.adapters.postgres.outbox import PostgresOutbox
from streams.errors import Unavailable
from streams.wire.outgoing import Outgoing
from tests.databases import open_run
from tests.stored import drop_database, fresh_database

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from streams.ports import Outbox


class MoodyRelay(MemoryRelay):
    """Fails as often as told."""

    failures = 0

    async def publish(self, records):
        if self.failures:
            self.failures -= 1
            raise Unavailable("the broker is away")
        return await super().publish(records)


def message(number: int) -> Outgoing:
    return Outgoing("alerts.v1", f"{number}".encode(), key=b"dedup", headers=(("reason", b"x"),))


@pytest.fixture(params=["memory", pytest.param("postgres", marks=pytest.mark.integration)])
async def filled(request: pytest.FixtureRequest) -> AsyncIterator[tuple[Outbox, MoodyRelay]]:
    """An outbox with seven messages."""
    relay = MoodyRelay()
    if request.param == "memory":
        yield MemoryOutbox(relay, [message(n) for n in range(7)]), relay
        return
    server = request.getfixturevalue("postgres_url")
    url = fresh_database(server)
    try:
        async with open_run(url) as (database, run):
            async with database.transaction() as connection, connection.cursor() as cursor:
                await cursor.executemany(
                    "INSERT INTO core.outbox (run_id, topic, record_key, record_value, headers)"
                    " VALUES (%s, 'alerts.v1', 'dedup', %s, '{\"reason\": \"x\"}')",
                    [(run.run_id, message(n).value) for n in range(7)],
                )
            yield PostgresOutbox(database, relay), relay
    finally:
        drop_database(server, url)


async def test_messages_leave_once_in_the_order_they_were_written(filled):
    outbox, relay = filled
    assert [await outbox.flush(3) for _ in range(4)] == [3, 3, 1, 0]
    assert relay.published == [message(n) for n in range(7)]


async def test_what_the_broker_has_not_confirmed_is_sent_again(filled):
    outbox, relay = filled
    relay.failures = 2
    for _ in range(2):
        with pytest.raises(Unavailable):
            await outbox.flush()
    assert await outbox.flush() == 7
    assert relay.published == [message(n) for n in range(7)]
