"""One Faust agent an input topic: it hands raw records to the topic's lane, nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mode.supervisors import CrashingSupervisor

from streams.domain.document import RawRecord, SourcePartition
from streams.wire.times import from_milliseconds

if TYPE_CHECKING:
    from collections.abc import Mapping

    from faust.types.tuples import Message

    from streams.runtime.app import SentiwatchApp
    from streams.runtime.delivery import Lane


def add_agents(app: SentiwatchApp, lanes: Mapping[str, Lane]) -> None:
    """Register an agent for each lane. Bodies are never decoded here: bad bytes are data, not exceptions."""
    for topic, lane in lanes.items():
        channel = app.topic(
            topic, value_type=bytes, value_serializer="raw", key_type=bytes, key_serializer="raw"
        )
        app.agent(channel, name=f"read {topic}", supervisor_strategy=CrashingSupervisor)(reader(app, lane))


def reader(app: SentiwatchApp, lane: Lane) -> Any:
    """The agent function of a lane; acknowledging is left to the lane."""

    async def read(stream: Any) -> None:
        async for event in stream.noack().events():
            if app.is_current(event.message):
                await lane.add(raw_record(event.message), event.ack)

    return read


def raw_record(message: Message) -> RawRecord:
    """A Faust message as a record of ours."""
    return RawRecord(
        source=SourcePartition(message.topic, message.partition),
        offset=message.offset,
        timestamp=from_milliseconds(round((message.timestamp or 0) * 1000)),
        key=message.key,
        value=message.value,
        headers=tuple(header_pairs(message.headers)),
    )


def header_pairs(headers: Any) -> list[tuple[str, bytes]]:
    """Headers as pairs, whichever shape Faust gives them."""
    pairs = headers.items() if hasattr(headers, "items") else headers or ()
    return [(str(name), value or b"") for name, value in pairs]
