"""Too old is judged by content: a partition's own watermark."""

from datetime import timedelta

from streams.domain.outcome import Drop, Keep, Reason, Reject
from streams.stages.read_record import in_time
from streams.wire.limits import InputLimits
from tests.builders import NOON, document, news, pipeline
from tests.property.test_watermark import clock

MONTH = InputLimits(horizon=timedelta(days=30))


def judged(days_behind, limits=MONTH):
    return in_time(Keep(document(event_time=NOON - timedelta(days=days_behind))), NOON, limits)


def test_a_document_beyond_the_horizon_is_too_old_and_one_at_it_is_not():
    assert isinstance(judged(30), Keep)
    late = judged(30.01)
    assert isinstance(late, Reject)
    assert late.reason is Reason.TOO_OLD


def test_without_a_horizon_or_a_watermark_nothing_is_too_old():
    assert isinstance(judged(9_000, InputLimits()), Keep)
    assert isinstance(in_time(Keep(document()), None, MONTH), Keep)


def test_heartbeats_and_rejects_pass():
    for outcome in (Drop("heartbeat", NOON - timedelta(days=99)), Reject(Reason.EMPTY_TEXT)):
        assert in_time(outcome, NOON, MONTH) is outcome


def test_a_replay_of_history_years_later_rejects_nothing():
    records = [news(offset) for offset in range(3)]
    found = pipeline().read(records, {records[0].source: clock()})
    assert len(found.documents) == 3
