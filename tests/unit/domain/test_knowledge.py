"""When panes were known, and which partitions lacked something: `streams.domain.knowledge`."""

from datetime import UTC, datetime, timedelta

from streams.domain.batch import WatermarkStep
from streams.domain.knowledge import Knowledge, PartitionHistory
from streams.domain.window import DAY, HOUR, PANE

AT = datetime(2026, 3, 5, 10, 0, tzinfo=UTC)


def history(*steps: tuple[int, int, int], source_class: str = "news", end: tuple[int, int] = (0, 0)):
    """Steps as (minutes past `AT` that it lets close, offset, rejected), each known an hour later."""
    made = [
        WatermarkStep(AT + timedelta(minutes=m), AT + timedelta(minutes=m) + HOUR, *at) for m, *at in steps
    ]
    last = made[-1] if made else WatermarkStep(AT, AT, 0, 0)
    return PartitionHistory(source_class, made, WatermarkStep(AT, last.known_at + HOUR, *end))


def lacks(found: PartitionHistory, minutes: int, silent_after: timedelta = DAY) -> bool:
    return found.lacks(AT + timedelta(minutes=minutes), silent_after)


def test_known_at_is_the_slowest_partition_and_the_end_of_input_where_none_let_it_close():
    knowledge = Knowledge({("n", 0): history((0, 1, 0)), ("s", 0): history((5, 1, 0))})
    assert knowledge.known_at(AT) == AT + PANE + HOUR
    assert knowledge.known_at(AT + 2 * PANE) == AT + PANE + 2 * HOUR
    assert knowledge.now(AT) == AT + PANE + 2 * HOUR
    assert Knowledge().known_at(AT) == AT


def test_a_partition_is_silent_where_its_watermark_jumps_over_more_than_the_allowed_time():
    found = history((0, 1, 0), (60, 2, 0))
    assert not lacks(found, 55, silent_after=HOUR)
    assert lacks(found, 55, silent_after=HOUR / 2)
    assert not lacks(found, 25, silent_after=HOUR / 2)
    assert not lacks(found, 60, silent_after=HOUR / 2)


def test_a_partition_that_stops_is_silent_from_then_on():
    found = history((0, 1, 0))
    assert not lacks(found, 30, silent_after=HOUR)
    assert lacks(found, 90, silent_after=HOUR)


def test_a_partition_that_has_not_begun_lacks_everything_and_one_that_never_speaks_nothing():
    assert lacks(history((60, 1, 0)), 30)
    assert not lacks(history(), 30)


def test_a_partition_fails_where_most_of_what_it_said_was_rejected():
    assert lacks(history((0, 100, 5), (5, 120, 15)), 5)
    assert not lacks(history((0, 100, 5), (5, 126, 17)), 5)
    assert not lacks(history((0, 100, 5), (5, 112, 14)), 5)
    assert lacks(history((0, 100, 5), end=(120, 25)), 5)


def test_a_source_class_lacks_what_one_of_its_partitions_lacks():
    knowledge = Knowledge(
        {("n", 0): history((0, 1, 0), (5, 2, 0)), ("s", 0): history((60, 1, 0), source_class="social")}
    )
    assert knowledge.lacking(AT + PANE, DAY) == {"social"}
