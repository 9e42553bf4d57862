"""What the rule says of planted and of calm histories, at its stated thresholds."""

from datetime import timedelta

import numpy as np
import pytest

from streams.domain.detector import Thresholds
from streams.domain.entity import MARKET
from tests.remembered import START, burst, detect, quiet_cells

RATES = (0.2, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 0.05, 0.8)
AT = START + timedelta(days=5, hours=9)


@pytest.mark.slow
@pytest.mark.parametrize("dispersion", [0.0, 0.3], ids=["poisson", "negative binomial"])
async def test_quiet_cells_raise_no_alert_in_four_weeks(dispersion):
    found = await detect(quiet_cells(28, RATES, dispersion, seed=7), 28)
    assert found.opened == []


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(("stories", "hours", "minutes"), [(60, 2.0, 30), (45, 2.5, 60)])
async def test_planted_surge_is_one_episode_that_opens_in_time(seed, stories, hours, minutes):
    calm = quiet_cells(7, RATES, 0.1, seed=seed)
    found = await detect(calm + burst("us.c4", AT, stories, hours, seed=seed), 7)
    assert [episode.cell.entity_id for episode in found.opened] == ["us.c4"]
    assert found.opened[0].opened_at - AT <= timedelta(minutes=minutes)


async def test_a_company_never_heard_of_may_surge_too():
    found = await detect(quiet_cells(7, RATES, 0.1, seed=3) + burst("us.new", AT, 40, 2), 7)
    assert [episode.cell.entity_id for episode in found.opened] == ["us.new"]


async def test_a_topic_without_a_company_surges_as_market():
    rows = [row._replace(entity_id=MARKET) for row in quiet_cells(7, [2.0], 0.1, seed=2)]
    found = await detect(rows + burst(MARKET, AT, 40, 2), 7)
    assert [(episode.cell.entity_id, episode.cell.topic) for episode in found.opened] == [(MARKET, "macro")]


async def test_a_topic_may_surge_although_no_document_without_a_company_came_before():
    found = await detect(quiet_cells(7, RATES, 0.1, seed=3) + burst(MARKET, AT, 40, 2), 7)
    assert [(episode.cell.entity_id, episode.cell.topic) for episode in found.opened] == [(MARKET, "macro")]


async def test_a_company_may_surge_although_no_company_was_named_before():
    rows = [row._replace(entity_id=MARKET) for row in quiet_cells(7, [2.0], 0.1, seed=2)]
    found = await detect(rows + burst("us.new", AT, 40, 2), 7)
    assert [episode.cell.entity_id for episode in found.opened] == ["us.new"]


async def test_an_episode_long_over_leaves_no_trace_in_the_next_one():
    """Whether the same step of the closer holds both depends on its size, and must not show."""
    calm = quiet_cells(14, RATES, 0.1, seed=3)
    again = AT + timedelta(days=5)
    found = await detect(calm + burst("us.c4", AT, 60, 2) + burst("us.c4", again, 60, 2, seed=2), 14)
    assert len(found.opened) == 2
    assert [episode.since for episode in found.opened] == [None, None]


@pytest.mark.parametrize("copies", [100, 1000])
async def test_an_echo_never_alerts_however_often_it_is_repeated(copies):
    found = await detect(
        quiet_cells(7, RATES, 0.1, seed=4) + burst("us.c3", AT, copies, 2, negative=1, copies=True), 7
    )
    assert found.opened == []


@pytest.mark.parametrize("seed", range(4))
async def test_a_positive_surge_never_alerts_even_with_a_tenth_of_it_misread(seed):
    found = await detect(
        quiet_cells(7, RATES, 0.1, seed=seed) + burst("us.c2", AT, 60, 2, negative=0.1, seed=seed), 7
    )
    assert found.opened == []


async def test_more_of_everything_is_no_negative_surge():
    found = await detect(quiet_cells(7, RATES, 0.1, seed=5) + burst("us.c5", AT, 300, 6, negative=0.18), 7)
    assert found.opened == []


async def test_no_verdict_before_two_days_of_history():
    early = START + timedelta(days=1, hours=12)
    rows = quiet_cells(3, RATES, 0.1, seed=6) + burst("us.c4", early, 60, 2)
    assert (await detect(rows, 1.9)).opened == []


async def test_the_same_surge_is_not_announced_twice_when_the_day_span_wakes_up():
    at = START + timedelta(days=3, hours=12)
    found = await detect(quiet_cells(7, RATES, 0.1, seed=8) + burst("us.c4", at, 60, 3), 7)
    assert len(found.opened) == 1


async def test_a_second_surge_days_later_is_an_episode_of_its_own():
    second = burst("us.c4", AT + timedelta(days=4), 60, 2.5, seed=9)
    found = await detect(
        quiet_cells(12, RATES, 0.1, seed=9) + burst("us.c4", AT, 60, 2.5, seed=10) + second, 12
    )
    assert [episode.cell.entity_id for episode in found.opened] == ["us.c4", "us.c4"]


@pytest.mark.parametrize(("negatives", "fires"), [(4, False), (12, True)])
async def test_fewer_than_five_negative_stories_never_fire(negatives, fires):
    found = await detect(
        quiet_cells(7, [0.3] * 6, 0.1, seed=2) + burst("us.c1", AT, negatives, 0.5, negative=1), 7
    )
    assert bool(found.opened) == fires


async def test_two_sources_are_not_enough():
    rows = [
        row._replace(source_key=f"s{n % 2}") for n, row in enumerate(burst("us.c1", AT, 40, 1, negative=1))
    ]
    calm = [row for row in quiet_cells(7, [0.3] * 6, 0.1, seed=2) if row.entity_id != "us.c1"]
    assert (await detect(calm + rows, 7)).opened == []
    assert (await detect(calm + rows, 7, Thresholds(min_sources=2))).opened != []


async def test_a_weekend_start_survives_its_monday():
    shift = timedelta(days=5) // timedelta(microseconds=1)
    rng = np.random.default_rng(1)
    week = quiet_cells(14, RATES, 0.1, seed=11)
    weekend = [(row.event_time + shift) // (86_400_000_000) % 7 in (2, 3) for row in week]
    moved = [
        row._replace(event_time=row.event_time + shift, known_pane=row.known_pane + shift)
        for row, quiet in zip(week, weekend, strict=True)
        if not quiet or rng.random() < 0.3
    ]
    assert (await detect(moved, 19)).opened == []
