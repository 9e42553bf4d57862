"""The agent on a Faust-like stream: what reaches the lane."""

from dataclasses import dataclass
from types import SimpleNamespace

from streams.domain.document import SourcePartition
from streams.runtime.agents import header_pairs, raw_record, reader
from tests.builders import NOON


@dataclass
class FakeMessage:
    offset: int
    checksum: int = 1
    topic: str = "news.raw.v1"
    partition: int = 3
    timestamp: float = NOON.timestamp() + 0.123
    key: bytes | None = b"k"
    value: bytes | None = b"v"
    headers: object = None


class FakeStream:
    """`stream.noack().events()` over messages; counts what is acknowledged by itself."""

    def __init__(self, *messages):
        self.messages = messages
        self.acknowledged = []

    def noack(self):
        return self

    async def events(self):
        for message in self.messages:
            yield SimpleNamespace(message=message, ack=lambda m=message: self.acknowledged.append(m.offset))


class FakeLane:
    def __init__(self):
        self.taken = []

    async def add(self, record, acknowledge):
        self.taken.append((record, acknowledge))


async def test_events_go_to_the_lane_and_the_lane_acknowledges():
    stream, lane = FakeStream(FakeMessage(4), FakeMessage(5)), FakeLane()
    await reader(SimpleNamespace(is_current=lambda _: True), lane)(stream)
    assert [record.offset for record, _ in lane.taken] == [4, 5]
    assert stream.acknowledged == []
    lane.taken[0][1]()
    assert stream.acknowledged == [4]


async def test_an_event_fetched_before_the_last_start_is_skipped():
    stream, lane = FakeStream(FakeMessage(4, checksum=1), FakeMessage(2, checksum=2)), FakeLane()
    await reader(SimpleNamespace(is_current=lambda message: message.checksum == 2), lane)(stream)
    assert [record.offset for record, _ in lane.taken] == [2]
    assert stream.acknowledged == []


def test_a_message_keeps_its_coordinates_and_its_milliseconds():
    record = raw_record(FakeMessage(7, headers={"a": b"1"}))
    assert (record.source, record.offset) == (SourcePartition("news.raw.v1", 3), 7)
    assert record.timestamp == NOON.replace(microsecond=123_000)
    assert (record.key, record.value, record.headers) == (b"k", b"v", (("a", b"1"),))


def test_headers_come_as_mapping_or_pairs_or_not_at_all():
    assert header_pairs({"a": b"1", "b": None}) == [("a", b"1"), ("b", b"")]
    assert header_pairs([("a", b"1")]) == [("a", b"1")]
    assert header_pairs(None) == []
