"""The life of an alert over pane ends."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from streams.domain.detector import Expectation, SpanCount, Thresholds, judge
from streams.domain.episode import (
    EventKind,
    Severity,
    State,
    alert_id,
    hold_episode,
    open_episode,
    severity_of,
)
from streams.domain.surge import Cell
from streams.domain.window import PANE

LIMITS = Thresholds()
CELL = Cell("us.c1")
AT = datetime(2026, 3, 5, 10, 0, tzinfo=UTC)
CALM = Expectation(mean=0.6, size=5.0, share_a=10.0, share_b=50.0)


def verdict(negatives, sources=9, span="1h", mean=0.6):
    return judge(span, SpanCount(negatives, negatives + 2, negatives, sources), replace(CALM, mean=mean))


def opened(negatives=12):
    advance = open_episode(CELL, AT, {"1h": verdict(negatives)}, LIMITS)
    assert advance.episode is not None
    return advance.episode


def test_opening_has_an_id_derived_from_key_and_time_alone():
    episode = opened()
    assert episode.alert_id == alert_id("negative_surge|us.c1|all|all", AT)
    assert len(episode.alert_id) == 12
    assert episode.state is State.FIRING
    assert episode.alert_id != alert_id(CELL.dedup_key, AT + PANE)


def test_nothing_opens_below_the_thresholds():
    assert open_episode(CELL, AT, {"1h": verdict(4)}, LIMITS).episode is None
    assert open_episode(CELL, AT, {}, LIMITS).episode is None


def test_the_span_with_the_smaller_tail_names_the_episode():
    advance = open_episode(CELL, AT, {"1h": verdict(12), "24h": verdict(40, span="24h")}, LIMITS)
    assert advance.episode is not None
    assert advance.episode.peak.span == "24h"


def test_either_span_holds_the_episode_open():
    advance = hold_episode(opened(), AT + PANE, {"24h": verdict(12, span="24h")}, LIMITS)
    assert advance.episode is not None
    assert advance.episode.last_at == AT + PANE


def test_peak_moves_up_only():
    stronger = hold_episode(opened(12), AT + PANE, {"1h": verdict(15)}, LIMITS)
    assert stronger.new_peak
    assert stronger.episode.peak.observed == 15
    weaker = hold_episode(stronger.episode, AT + 2 * PANE, {"1h": verdict(13)}, LIMITS)
    assert not weaker.new_peak
    assert weaker.episode.peak_at == AT + PANE


def test_higher_severity_is_announced_once_and_never_taken_back():
    low = open_episode(CELL, AT, {"1h": verdict(9, sources=3)}, LIMITS).episode
    high = hold_episode(low, AT + PANE, {"1h": verdict(40)}, LIMITS)
    assert [event.kind for event in high.events] == [EventKind.ESCALATED]
    assert high.episode.severity is Severity.CRITICAL
    again = hold_episode(high.episode, AT + 2 * PANE, {"1h": verdict(41)}, LIMITS)
    assert again.events == ()
    down = hold_episode(again.episode, AT + 3 * PANE, {"1h": verdict(12)}, LIMITS)
    assert down.episode.severity is Severity.CRITICAL


def test_quiet_for_the_resolve_time_resolves_and_a_relapse_within_it_does_not():
    episode = opened()
    for minutes in range(5, 60, 5):
        advance = hold_episode(episode, AT + timedelta(minutes=minutes), {}, LIMITS)
        assert advance.events == ()
    relapse = hold_episode(episode, AT + timedelta(minutes=55), {"1h": verdict(8)}, LIMITS).episode
    assert hold_episode(relapse, AT + timedelta(minutes=60), {}, LIMITS).episode.state is State.FIRING
    end = hold_episode(relapse, AT + timedelta(minutes=115), {}, LIMITS)
    assert end.episode.state is State.RESOLVED
    assert end.episode.resolved_at == AT + timedelta(minutes=115)
    assert [event.kind for event in end.events] == [EventKind.RESOLVED]


def test_severity_needs_p_value_effect_and_sources_together():
    assert severity_of(verdict(40)) is Severity.CRITICAL
    assert severity_of(verdict(40, sources=5)) is Severity.ERROR
    assert severity_of(verdict(40, mean=12.0)) is Severity.INFO


def test_evidence_used_by_an_earlier_episode_is_not_counted_again():
    since = AT - timedelta(minutes=20)
    episode = open_episode(CELL, AT, {"1h": verdict(12)}, LIMITS, since).episode
    assert episode.start(AT) == since
    assert episode.start(AT + timedelta(hours=2)) == AT + timedelta(hours=1)
