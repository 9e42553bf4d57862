"""Cells, spans, baselines and window plans; `streams.domain.window` itself is small enough to be shown by them."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.domain.document import SourcePartition
from streams.domain.pool import HOUR_US, HourlyCounts, Presence, fit_pool, slot, winsorise
from streams.domain.summary import (
    Dirty,
    Frontier,
    Partition,
    Range,
    Refold,
    contiguous,
    covered,
    forced_frontier,
    plan_fold,
    watermark_frontier,
    windows_ending,
)
from streams.domain.surge import (
    NEVER,
    Cell,
    Row,
    count_span,
    group_rows,
    microseconds,
    moment,
    sliding_counts,
)
from streams.domain.window import HOUR, PANE, closes_until, floor, known_pane, pane_end

AT = datetime(2026, 3, 5, 10, 0, tzinfo=UTC)
NO_CUT = timedelta(0)
LATENESS = {"news": timedelta(minutes=10), "social": timedelta(minutes=2)}


def row(minutes, story, *, negative=True, source="a", known=None, superseded=NEVER, entity="us.c1"):
    at = microseconds(AT + timedelta(minutes=minutes))
    pane = (
        microseconds(pane_end(moment(at))) if known is None else microseconds(AT + timedelta(minutes=known))
    )
    return Row(entity, "macro", at, pane, superseded, story, source, negative)


def cell_rows(*rows):
    return group_rows(sorted(rows, key=lambda item: item.event_time))[Cell("us.c1")]


def shown(rows, minutes, span=HOUR):
    return count_span(rows, microseconds(AT + timedelta(minutes=minutes)), span)


def test_a_hundred_copies_are_one_story_of_one_source():
    rows = cell_rows(*(row(n / 10, "echo", source=f"author-{n}") for n in range(100)))
    count = shown(rows, 30)
    assert (count.negatives, count.stories, count.documents, count.sources) == (1, 1, 100, 1)


def test_the_span_is_half_open():
    rows = cell_rows(row(0, "a"), row(60, "b"))
    assert shown(rows, 60).negatives == 1
    assert shown(rows, 65).negatives == 1


def test_a_late_row_is_not_seen_before_its_known_pane():
    rows = cell_rows(row(1, "a"), row(2, "b", known=30))
    assert shown(rows, 25).negatives == 1
    assert shown(rows, 30).negatives == 2


def test_a_superseded_version_is_read_until_the_pane_that_knows_its_successor():
    until = microseconds(AT + timedelta(minutes=20))
    rows = cell_rows(row(1, "a", superseded=until), row(1, "a", negative=False, known=20))
    assert shown(rows, 15).negatives == 1
    assert shown(rows, 20).negatives == 0
    assert shown(rows, 20).stories == 1


def test_only_on_time_documents_make_a_pane_that_may_open():
    rows = cell_rows(row(1, "a"), row(2, "b", known=30))
    panes = rows.on_time_panes(microseconds(AT), microseconds(AT + HOUR))
    assert [moment(pane) for pane in panes] == [AT + PANE]


@given(
    st.lists(st.tuples(st.integers(0, 72 * 60), st.integers(0, 8)), max_size=60),
    st.sampled_from([1, 24]),
)
def test_sliding_counts_equal_counting_each_window_by_itself(marks, hours):
    rows = group_rows(
        sorted((row(minutes, story) for minutes, story in marks), key=lambda item: item.event_time)
    )
    starts = np.arange(-24, 72, dtype=np.int64) * HOUR_US + microseconds(AT)
    width = hours * HOUR_US
    if not rows:
        return
    found = rows[Cell("us.c1")]
    plain = [
        len(
            {
                story
                for minutes, story in marks
                if 0 <= microseconds(AT) + minutes * 60_000_000 - start < width
            }
        )
        for start in starts.tolist()
    ]
    assert sliding_counts(found, starts, timedelta(hours=hours)).tolist() == plain


def test_past_outbreak_hardly_moves_the_pool():
    start = 490_000 // 24 * 24
    hours = np.arange(start, start + 24 * 10)
    calm = HourlyCounts(np.repeat([0, 1, 2], 240), np.tile(hours, 3), np.ones(720), np.full(720, 5.0))
    loud = HourlyCounts(calm.cells, calm.hours, calm.negatives.copy(), calm.stories)
    loud.negatives[100:103] = 40.0
    observed = Presence(start, np.ones(240, dtype=bool)).observed(start + 240, start)
    before, after = (fit_pool(counts, observed, start, start + 240) for counts in (calm, loud))
    assert before is not None
    assert after is not None
    assert after.level == pytest.approx(before.level, rel=0.03)


def test_winsorised_counts_never_exceed_their_limit_nor_change_ordinary_ones():
    expected = np.full(4, 2.0)
    assert winsorise(np.array([0.0, 2.0, 5.0, 60.0]), expected, 0.2).tolist()[:3] == [0.0, 2.0, 5.0]
    assert winsorise(np.array([60.0]), expected[:1], 0.2)[0] < 9


def test_weekend_hours_have_slots_of_their_own():
    monday = microseconds(datetime(2026, 3, 2, 5, tzinfo=UTC)) // HOUR_US
    assert slot(np.array([monday, monday + 24 * 5, monday + 24 * 7])).tolist() == [5, 29, 5]


def test_a_day_of_silence_is_not_observed_but_a_night_is():
    flags = np.zeros(200, dtype=bool)
    flags[[0, 10, 20, 150, 199]] = True
    observed = Presence(0, flags).observed(200, 0).flags
    assert observed[:21].all()
    assert not observed[60:120].any()


def test_frontier_waits_for_the_slowest_partition_and_for_silent_ones():
    news, social = Partition("n", 0, "news", AT), Partition("s", 0, "social", AT)
    assert watermark_frontier([news, social], LATENESS) == AT - timedelta(minutes=10)
    assert watermark_frontier([news, Partition("s", 1, "social", None)], LATENESS) is None
    assert watermark_frontier([], LATENESS) is None


@given(st.integers(0, 3000), st.integers(-5, 3000))
def test_a_document_is_late_exactly_when_the_watermark_before_it_had_closed_its_pane(minutes, known):
    time, watermark = AT + timedelta(minutes=minutes), AT + timedelta(minutes=known)
    late = watermark >= pane_end(time) + LATENESS["news"]
    assert (known_pane(time, watermark, LATENESS["news"]) > pane_end(time)) == late
    assert closes_until(watermark, LATENESS["news"]) < known_pane(time, watermark, LATENESS["news"])


def test_idle_partitions_do_not_hold_the_frontier_back_and_where_all_are_idle_the_furthest_decides():
    news, social = Partition("n", 0, "news", AT, 5), Partition("s", 0, "social", AT + HOUR, 7)
    unheard = Partition("s", 1, "social", None, 0)
    ends = {SourcePartition("n", 0): 5, SourcePartition("s", 0): 8, SourcePartition("s", 1): 0}
    assert forced_frontier([news, social, unheard], LATENESS, ends) == closes_until(
        AT + HOUR, LATENESS["social"]
    )
    ends[SourcePartition("s", 0)] = 7
    assert forced_frontier([news, social], LATENESS, ends) == closes_until(AT + HOUR, LATENESS["social"])
    assert forced_frontier([news, unheard], LATENESS, {}) is None


def test_open_windows_are_left_dirty_unless_asked_for():
    plan = plan_fold([Dirty(AT, None)], Frontier(None, AT + HOUR), NO_CUT, provisional=False)
    assert plan.carried == [Dirty(AT, None)]
    plan = plan_fold([Dirty(AT, AT + PANE)], Frontier(None, None), NO_CUT, provisional=True)
    assert plan.windows == {"5m": [AT], "1h": [AT], "1d": [floor(AT, timedelta(days=1))]}
    assert plan.carried == [Dirty(AT, AT + PANE)]


def test_a_late_document_waits_for_its_pane_and_then_revises_each_closed_window_once():
    late = Dirty(AT, AT + 2 * HOUR)
    early = plan_fold([late], Frontier(AT + HOUR, AT + HOUR), NO_CUT, provisional=False)
    assert (early.revisions["5m"], early.carried) == ([], [late])
    due = plan_fold([late], Frontier(AT + HOUR, AT + 3 * HOUR), NO_CUT, provisional=False)
    assert due.revisions == {
        size: [Refold(AT, AT + 2 * HOUR, AT, AT + 2 * HOUR)] if size != "1d" else [] for size in due.revisions
    }
    assert due.carried == [Dirty(AT, None)]  # the day is open
    assert not any(
        plan_fold(due.carried, Frontier(AT, AT + 3 * HOUR), NO_CUT, provisional=True).revisions.values()
    )


def test_the_close_itself_shows_what_is_known_by_then():
    plan = plan_fold([Dirty(AT, AT + 2 * PANE)], Frontier(AT, AT + HOUR), NO_CUT, provisional=False)
    assert [len(plan.revisions[size]) for size in ("5m", "1h")] == [1, 0]


def test_rows_for_a_pane_that_was_closed_without_them_are_shown_by_the_next_step():
    plan = plan_fold([Dirty(AT, AT + PANE)], Frontier(AT + HOUR, AT + 2 * HOUR), NO_CUT, provisional=False)
    assert plan.revisions["5m"] == [Refold(AT, AT + 2 * HOUR, AT, AT + PANE)]


def test_the_day_cut_moves_day_windows_only():
    plan = plan_fold([Dirty(AT, None)], Frontier(None, None), timedelta(hours=16), provisional=True)
    assert plan.windows["1d"] == [datetime(2026, 3, 4, 16, tzinfo=UTC)]
    assert plan.windows["1h"] == [AT]


def test_a_straggler_is_folded_in_a_stretch_of_its_own():
    old = AT - timedelta(days=4000)
    assert contiguous([old, AT, AT + HOUR], HOUR) == [[old], [AT, AT + HOUR]]


def test_silence_of_more_than_a_day_is_not_covered_and_coverage_does_not_depend_on_the_cut():
    presence = [AT, AT + timedelta(days=3)]
    whole = covered(presence, AT - PANE, AT + timedelta(days=3))
    assert [part.until for part in whole] == [AT + timedelta(days=1), AT + timedelta(days=3)]
    middle = AT + timedelta(hours=7)
    halves = covered(presence, AT - PANE, middle) + covered(presence, middle, AT + timedelta(days=3))
    for size in ("5m", "1h", "1d"):
        assert windows_ending(halves, size, NO_CUT) == windows_ending(whole, size, NO_CUT)


def test_windows_end_inside_their_range():
    part = [Range(AT, AT + timedelta(hours=2))]
    assert windows_ending(part, "1h", NO_CUT) == [AT, AT + HOUR]
    assert windows_ending(part, "1d", NO_CUT) == []
    assert floor(AT, timedelta(days=1)) == datetime(2026, 3, 5, tzinfo=UTC)
