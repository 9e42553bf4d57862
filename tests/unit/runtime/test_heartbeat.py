from datetime import timedelta

from streams.domain.document import Progress, SourcePartition
from streams.runtime.heartbeat import LIVE_WITHIN, silent_partitions
from tests.builders import NOON, minutes

INTERVAL = timedelta(seconds=30)
LIVELY, QUIET, NEW = (SourcePartition("news.raw.v1", number) for number in range(3))


def progress(**changes):
    return {
        LIVELY: Progress(9, NOON),
        QUIET: Progress(4, NOON - minutes(3)),
        NEW: Progress(0, None),
    } | changes


def test_partitions_behind_in_a_live_deployment_are_silent():
    assert silent_partitions(progress(), NOON, INTERVAL) == [QUIET, NEW]


def test_a_partition_within_the_interval_is_not_silent():
    assert silent_partitions(progress(), NOON - minutes(2.5), INTERVAL) == [NEW]
    assert LIVELY not in silent_partitions(progress(), NOON + INTERVAL, INTERVAL)


def test_history_gets_no_heartbeats():
    assert silent_partitions(progress(), NOON + LIVE_WITHIN + minutes(1), INTERVAL) == []


def test_a_deployment_that_has_seen_nothing_gets_no_heartbeats():
    assert silent_partitions({NEW: Progress(0, None)}, NOON, INTERVAL) == []
