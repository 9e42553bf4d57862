"""The agent on a Faust-like stream: what reaches the lane."""

from dataclasses import dataclass
from types import SimpleNamespace

from streams.domain.document import SourcePartition
from streams.runtime.agents import raw_record, reader
from tests.builders import NOON

NEWS = SourcePartition("news.raw.v1", 3)


@dataclass
class Fetched:
    """As aiokafka gives it."""

    offset: int
    timestamp: int = round(NOON.timestamp() * 1000) + 123
    key: bytes | None = b"k"
    value: bytes | None = b"v"
    headers: object = ()


class FakeStream:
    """`stream.noack().events()` over messages, each with what one fetch gave."""

    def __init__(self, *messages):
        self.messages = messages

    def noack(self):
        return self

    async def events(self):
        for message in self.messages:
            yield SimpleNamespace(message=message)


def message(*offsets: int, epoch: int = 1):
    return SimpleNamespace(
        topic=NEWS.topic, partition=NEWS.partition, checksum=epoch, value=tuple(map(Fetched, offsets))
    )


class FakeLane:
    def __init__(self):
        self.taken = []

    async def add(self, record):
        self.taken.append(record)


async def test_every_record_of_a_fetch_goes_to_the_lane_in_order():
    stream, lane = FakeStream(message(4, 5), message(6)), FakeLane()
    await reader(SimpleNamespace(is_current=lambda _: True), lane)(stream)
    assert [(record.source, record.offset) for record in lane.taken] == [(NEWS, 4), (NEWS, 5), (NEWS, 6)]


async def test_what_was_fetched_before_the_last_start_is_skipped():
    stream, lane = FakeStream(message(4, 5, epoch=1), message(2, epoch=2)), FakeLane()
    await reader(SimpleNamespace(is_current=lambda message: message.checksum == 2), lane)(stream)
    assert [record.offset for record in lane.taken] == [2]


async def test_the_rest_of_a_fetch_is_skipped_when_reading_starts_anew_meanwhile():
    epoch = 1

    class Lane(FakeLane):
        async def add(self, record):
            nonlocal epoch
            epoch = 2
            await super().add(record)

    lane = Lane()
    await reader(SimpleNamespace(is_current=lambda message: message.checksum == epoch), lane)(
        FakeStream(message(4, 5, 6))
    )
    assert [record.offset for record in lane.taken] == [4]


def test_a_record_keeps_its_coordinates_and_its_milliseconds():
    record = raw_record(NEWS, Fetched(7, headers=(("a", b"1"), ("b", None))))
    assert (record.source, record.offset) == (NEWS, 7)
    assert record.timestamp == NOON.replace(microsecond=123_000)
    assert (record.key, record.value, record.headers) == (b"k", b"v", (("a", b"1"), ("b", b"")))
