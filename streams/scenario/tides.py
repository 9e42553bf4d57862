"""How busy each hour is, and event times drawn from that profile without accidental clumps."""

from __future__ import annotations

from bisect import bisect_right
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from random import Random

    from streams.scenario.shapes import Language

START = datetime(2026, 3, 2, tzinfo=UTC)  # a Monday
SPAN = timedelta(days=7)
END = START + SPAN
SPAN_SECONDS = int(SPAN.total_seconds())
HOUR = 3600
DAY = 24 * HOUR
_WEEKEND = 0.6

# Per UTC hour. New York trades 14:30-21:00 (before 8 March), Shanghai 01:30-07:00.
_HOURLY: dict[Language, str] = {
    "en": "5 4 4 4 4 4 5 6 7 7 8 9 11 13 17 17 16 15 15 16 16 11 8 6",
    "zh": "9 16 17 15 12 16 16 12 10 9 9 9 9 8 7 5 4 4 4 4 4 4 5 7",
}
_ACTIVITY = {
    language: [int(tenths) / 10 for tenths in hourly.split()] for language, hourly in _HOURLY.items()
}


def activity(language: Language, second: int) -> float:
    """Relative traffic of one language at a second of the span; about 1 on a weekday's average."""
    weekend = START.weekday() + second // DAY >= 5
    return _ACTIVITY[language][second % DAY // HOUR] * (_WEEKEND if weekend else 1.0)


def event_seconds(rng: Random, count: int, *, flatness: float) -> list[int]:
    """`count` ascending seconds, one in each of `count` equal shares of the traffic.

    Stratified, not Poisson: an interval that should hold m of them holds m ± 2, for every seed.
    `flatness` 0 follows the profile, 1 ignores it.
    """
    grid = range(0, SPAN_SECONDS, HOUR)
    weights = [((activity("en", s) + activity("zh", s)) / 2) ** (1 - flatness) for s in grid]
    cumulated = list(accumulate(weights))
    places = [(i + rng.random()) / count * cumulated[-1] for i in range(count)]
    return [_at(place, cumulated, weights) for place in places]


def _at(place: float, cumulated: list[float], weights: list[float]) -> int:
    hour = min(bisect_right(cumulated, place), len(weights) - 1)
    before = cumulated[hour] - weights[hour]
    return min(int((hour + (place - before) / weights[hour]) * HOUR), SPAN_SECONDS - 1)
