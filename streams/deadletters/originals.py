"""The original bytes of a dead letter: from its row where that has all of them, else from Kafka, by its coordinates."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from streams.adapters.kafka.admin import OffsetSpan, offset_spans
from streams.adapters.kafka.history import HistoryReader
from streams.domain.document import SourcePartition
from streams.wire.headers import unpack_headers
from streams.wire.topics import MAX_MESSAGE_BYTES

if TYPE_CHECKING:
    from streams.domain.dead_letter import Letter, Place
    from streams.domain.document import RawRecord
    from streams.settings import KafkaSettings

# Room for keys, headers and the framing of a batch.
MARGIN = 64 * 1024


@dataclass(frozen=True, slots=True)
class Original:
    """A record as its producer sent it."""

    key: bytes | None = field(repr=False)
    value: bytes = field(repr=False)
    headers: tuple[tuple[str, bytes], ...] = field(repr=False)


async def original_of(letter: Letter, settings: KafkaSettings) -> Original | str:
    """The record, or why it cannot be had. Its SHA-256 is that of the row: no other bytes are ever published for it."""
    if letter.payload_bytes == 0:
        return "no bytes: a tombstone, or erased"
    if letter.payload_bytes > MAX_MESSAGE_BYTES - MARGIN:
        return "larger than a record may be"
    if letter.is_whole:
        return _verified(letter, Original(letter.key, letter.payload, unpack_headers(letter.headers)))
    record = await _from_kafka(letter.place, settings)
    if record is None or record.value is None:
        return "only its head is kept, and Kafka has it no more"
    return _verified(letter, Original(record.key, record.value, record.headers))


def _verified(letter: Letter, original: Original) -> Original | str:
    if hashlib.sha256(original.value).digest() != letter.sha256:
        return "its bytes are not those that failed: the SHA-256 differs"
    return original


async def _from_kafka(place: Place, settings: KafkaSettings) -> RawRecord | None:
    """The record at a place, if the topic still holds it."""
    source = SourcePartition(place.topic, place.partition)
    span = (await offset_spans(settings, [place.topic])).get(source)
    if span is None or not span.beginning <= place.offset < span.end:
        return None
    async with HistoryReader.connect(settings) as reader:
        reader.start({source: OffsetSpan(place.offset, place.offset + 1)})
        while True:
            if found := await reader.fetch():
                return next((record for record in found if record.offset == place.offset), None)
            if await reader.at_end():
                return None
