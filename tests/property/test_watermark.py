"""The clock of a partition: the same watermarks however its records are cut into batches."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from streams.domain.document import Progress, SourceClass
from streams.domain.watermark import PartitionClock
from streams.domain.window import PANE, closes_until, known_pane, pane_end
from tests.builders import NEWS, NOON, minutes

LATENESS = timedelta(minutes=10)
times = st.none() | st.integers(-120, 120).map(lambda number: NOON + minutes(number))


def clock(progress: Progress | None = None) -> PartitionClock:
    return PartitionClock.at(progress or Progress(0, None), NEWS, SourceClass.NEWS, LATENESS)


def read(events, cuts):
    """Known watermarks, and all steps, of a partition read by one worker after another."""
    one, known, steps = clock(), [], []
    for offset, event_time in enumerate(events):
        known.append(one.advance(offset, event_time, NOON + minutes(offset)))
        if offset in cuts:
            move = one.take_move()
            steps += move.steps
            one = clock(Progress(move.next_offset, move.watermark))
    steps += one.take_move().steps
    return known, steps


@given(st.lists(times, max_size=40), st.sets(st.integers(0, 40)))
def test_handing_over_changes_no_watermark_and_no_step(events, cuts):
    assert read(events, cuts) == read(events, set())


@given(st.lists(times, max_size=40))
def test_the_known_watermark_is_the_largest_event_time_before(events):
    known, _ = read(events, set())
    for offset, found in enumerate(known):
        assert found == max((time for time in events[:offset] if time is not None), default=None)


@given(st.lists(times, max_size=40), st.sets(st.integers(0, 40)))
def test_steps_only_go_forward(events, cuts):
    _, steps = read(events, cuts)
    assert [step.closes_until for step in steps] == sorted({step.closes_until for step in steps})


@given(st.integers(-120, 120), st.none() | st.integers(-120, 120))
def test_a_document_is_readable_from_the_first_pane_end_that_is_not_closed_before_it(event, watermark):
    event_time = NOON + minutes(event)
    known = None if watermark is None else NOON + minutes(watermark)
    pane = known_pane(event_time, known, LATENESS)
    assert pane >= pane_end(event_time)
    assert known is None or known < pane + LATENESS
    if pane > pane_end(event_time):
        assert known is not None
        assert known >= pane - PANE + LATENESS
        assert closes_until(known, LATENESS) == pane - PANE


@given(st.lists(times, min_size=1, max_size=20), st.lists(st.integers(1, 3), min_size=20, max_size=20))
def test_moves_are_contiguous_whatever_holes_the_offsets_have(events, strides):
    one, reached, offset = clock(), 0, -1
    for event_time, stride in zip(events, strides, strict=False):
        offset += stride
        one.advance(offset, event_time, NOON)
        move = one.take_move()
        assert (move.first, move.next_offset) == (reached, offset + 1)
        reached = offset + 1
