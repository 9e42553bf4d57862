"""The scenario of a seed: ordinary week + planted events + malformed records, in publish order."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from random import Random
from types import MappingProxyType
from typing import TYPE_CHECKING

from streams.scenario import publishing
from streams.scenario.cast import authors
from streams.scenario.malformed import malformed
from streams.scenario.ordinary import Newsroom
from streams.scenario.planted import Plant, plant
from streams.scenario.shapes import Planted, Scenario
from streams.scenario.tides import END, START

if TYPE_CHECKING:
    from streams.scenario.publishing import Issue
    from streams.scenario.shapes import Draft


def generate(seed: int, *, topic_surge: bool = True) -> Scenario:
    """The week of `seed`: pure, the same bytes for the same arguments.

    `topic_surge` adds negative news about a topic with no company in it, which must raise an alert too.
    """
    rng = Random(seed)  # noqa: S311 - reproducible, not secret
    room = Newsroom(rng, authors(rng))
    plants = plant(rng, room, topic_surge=topic_surge)
    drafts = room.week() + [draft for planted in plants for draft in planted.drafts]
    issues = publishing.number(sorted(drafts, key=lambda draft: draft.seconds))
    broken = malformed(rng)
    arrivals = publishing.arrivals(rng, issues)
    arrivals += [publishing.Arrival(bad.second + 1.0, bad.record) for bad in broken]
    return Scenario(
        seed=seed,
        records=tuple(a.record for a in sorted(arrivals, key=lambda arrival: arrival.second)),
        planted=_planted(plants, issues),
        malformed=MappingProxyType(dict(Counter(bad.reason for bad in broken))),
        span=(START, END),
        truth=MappingProxyType(publishing.truth(issues)),
    )


def _planted(plants: list[Plant], issues: list[Issue]) -> tuple[Planted, ...]:
    ids: dict[int, str] = {id(issue.draft): issue.id for issue in issues}
    return tuple(_event(plant, [ids[id(draft)] for draft in plant.drafts]) for plant in plants)


def _event(plant: Plant, documents: list[str]) -> Planted:
    first: Draft = plant.drafts[0]
    last: Draft = plant.drafts[-1]
    return Planted(
        kind=plant.plan.kind,
        entity=plant.plan.company.symbol if plant.plan.company else None,
        topic=plant.topic,
        start=START + timedelta(seconds=first.seconds),
        end=START + timedelta(seconds=last.seconds),
        documents=tuple(documents),
    )
