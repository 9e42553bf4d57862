"""Dead letters on their way into their table and the outbox: one statement a batch."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Final

from streams.wire.headers import pack_headers
from streams.wire.topics import DEAD_LETTERS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from psycopg import AsyncConnection

    from streams.adapters.postgres.runs import Run
    from streams.domain.document import DeadLetter

BURY: Final = """
    INSERT INTO core.dead_letter (run_id, kafka_topic, kafka_partition, kafka_offset, reason, detail, record_key, payload,
                                  payload_bytes, payload_sha256, ingest_time, record_headers)
    SELECT %s, * FROM unnest(%s::text[], %s::int[], %s::bigint[], %s::text[], %s::text[], %s::bytea[], %s::bytea[], %s::int[],
                             %s::bytea[], %s::timestamptz[], %s::bytea[])
    ON CONFLICT DO NOTHING
"""
# The copy on Kafka: the original bytes; reason and coordinates as headers. Only of letters that were not there yet.
BURY_AND_TELL: Final = f"""
    WITH buried AS ({BURY} RETURNING *)
    INSERT INTO core.outbox (run_id, topic, record_key, record_value, headers)
    SELECT run_id, '{DEAD_LETTERS.name}', convert_to(format('%%s-%%s-%%s', kafka_topic, kafka_partition, kafka_offset), 'UTF8'),
           payload, jsonb_build_object(
               'reason', reason, 'detail', detail, 'topic', kafka_topic, 'partition', kafka_partition::text,
               'offset', kafka_offset::text, 'payload_bytes', payload_bytes::text,
               'payload_sha256', encode(payload_sha256, 'hex'))
    FROM buried ORDER BY kafka_topic, kafka_partition, kafka_offset
"""


async def bury(
    connection: AsyncConnection[Any], run: Run, letters: Sequence[DeadLetter], kept_bytes: int
) -> None:
    """Write letters, of long ones the first ``kept_bytes``; runs that notify also put them into the outbox."""
    if not letters:
        return
    columns = [list(values) for values in zip(*(_row(letter, kept_bytes) for letter in letters), strict=True)]
    await connection.execute(BURY_AND_TELL if run.notify else BURY, (run.run_id, *columns))


def _row(letter: DeadLetter, kept_bytes: int) -> tuple[Any, ...]:
    record = letter.record
    value = record.value or b""
    return (
        record.source.topic, record.source.partition, record.offset, letter.reason, letter.detail, record.key,
        value[:kept_bytes], len(value), hashlib.sha256(value).digest(), record.timestamp, pack_headers(record),
    )  # fmt: skip
