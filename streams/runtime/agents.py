"""One Faust agent an input topic: it hands raw records to the topic's lane, nothing else.

An event is what one fetch gave of a partition (`ProgressConsumer.getmany`), so Faust's cost is paid once a fetch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import faust
from mode.supervisors import CrashingSupervisor

from streams.domain.document import RawRecord, SourcePartition
from streams.wire.times import from_milliseconds

if TYPE_CHECKING:
    from collections.abc import Mapping

    from streams.runtime.app import SentiwatchApp
    from streams.runtime.delivery import Lane


class Undecoded(faust.Schema[bytes, bytes]):
    """Keys and values as they are: decoding is ours, bad bytes are data and no exceptions."""

    def loads_key(self, app: Any, message: Any, *, loads: Any = None, serializer: Any = None) -> Any:  # noqa: ARG002
        return message.key

    def loads_value(self, app: Any, message: Any, *, loads: Any = None, serializer: Any = None) -> Any:  # noqa: ARG002
        return message.value


def add_agents(app: SentiwatchApp, lanes: Mapping[str, Lane]) -> None:
    """Register an agent for each lane."""
    for topic, lane in lanes.items():
        channel = app.topic(topic, schema=Undecoded())
        app.agent(channel, name=f"read {topic}", supervisor_strategy=CrashingSupervisor)(reader(app, lane))


def reader(app: SentiwatchApp, lane: Lane) -> Any:
    """The agent function of a lane; it acknowledges nothing: Kafka is told what is stored."""

    async def read(stream: Any) -> None:
        async for event in stream.noack().events():
            if app.is_current(event.message):
                source = SourcePartition(event.message.topic, event.message.partition)
                for fetched in event.message.value:
                    if not app.is_current(event.message):
                        break  # read again from where the new start says
                    await lane.add(raw_record(source, fetched))

    return read


def raw_record(source: SourcePartition, fetched: Any) -> RawRecord:
    """One of aiokafka's records as ours."""
    return RawRecord(
        source=source,
        offset=fetched.offset,
        timestamp=from_milliseconds(fetched.timestamp or 0),
        key=fetched.key,
        value=fetched.value,
        headers=tuple((str(name), value or b"") for name, value in fetched.headers or ()),
    )
