"""The whole backtest of a run: event study, daily signal, spreads; in all, and before and after the training cut-off apart."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from streams.backtest.event_study import AbnormalReturns, CarTest, Events, Normal, judge_car
from streams.backtest.inference import benjamini_hochberg, cluster_bootstrap, holm
from streams.backtest.ranking import (
    RankTest,
    aligned_returns,
    information_coefficients,
    judge_ranks,
    turnover,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import date

    from streams.backtest.bars import Bars, Days, Floats
    from streams.backtest.inference import Flags, Interval
    from streams.backtest.signal import DailySignal

FEW_EVENTS = 30
FEW_SESSIONS = 60


@dataclass(frozen=True, slots=True)
class Plan:
    """What is measured; fixed before the results are seen."""

    horizons: tuple[int, ...] = (1, 2, 3, 5, 10, 20)
    lag: int = 1
    quantiles: int = 5
    before: int = 10
    after: int = 20
    draws: int = 2_000
    seed: int = 20140102
    cutoff: date | None = None
    """Last day of the model's training data; results up to it and after it are reported apart."""

    @property
    def offsets(self) -> range:
        """Sessions around the event that the picture shows."""
        return range(-self.before, self.after + 1)


@dataclass(frozen=True, slots=True)
class Segment:
    """The results of one stretch of time."""

    name: str
    events: int
    signal_sessions: int
    signal_cells: int
    paths: Mapping[Normal, tuple[Interval, ...]]
    """Mean abnormal return cumulated from the first offset, by offset."""
    cars: tuple[CarTest, ...]
    ranks: tuple[RankTest, ...]
    turnover: float
    ics: Floats
    """Rank IC of the shortest horizon by session."""


@dataclass(frozen=True, slots=True)
class TestLine:
    """One of the many tests of this report, with p-values that admit how many there are."""

    segment: str
    measure: str
    horizon: int
    estimate: float
    p_value: float
    holm: float
    benjamini_hochberg: float

    __test__ = False  # no test case, whatever its name begins with


@dataclass(frozen=True, slots=True)
class Results:
    """Everything measured."""

    plan: Plan
    days: Days
    segments: tuple[Segment, ...]
    tests: tuple[TestLine, ...]
    warnings: tuple[str, ...] = field(default=())


def measure(bars: Bars, events: Events, signal: DailySignal, plan: Plan) -> Results:
    """Run every test of the plan."""
    study = _Study(
        bars, {normal: AbnormalReturns.of(bars, normal) for normal in Normal}, events, signal, plan
    )
    segments = tuple(study.segment(name, chosen) for name, chosen in _stretches(bars.days, plan))
    tests = _adjusted([line for segment in segments for line in _lines(segment)])
    return Results(plan, bars.days, segments, tests, tuple(_warnings(segments, tests, plan)))


def _stretches(days: Days, plan: Plan) -> Iterator[tuple[str, Flags]]:
    yield "all", np.ones(len(days), dtype=np.bool_)
    if plan.cutoff is not None:
        before = days <= np.datetime64(plan.cutoff)
        yield "before_cutoff", before
        yield "after_cutoff", ~before


@dataclass(frozen=True, slots=True)
class _Study:
    """What every segment is cut from."""

    bars: Bars
    returns: Mapping[Normal, AbnormalReturns]
    events: Events
    signal: DailySignal
    plan: Plan

    def segment(self, name: str, chosen: Flags) -> Segment:
        """The sessions flagged; each segment draws from the same seed."""
        plan, rng = self.plan, np.random.default_rng(self.plan.seed)
        events = self.events.select(chosen[self.events.sessions])
        tone = np.where(chosen[:, None], self.signal.tone, np.nan)
        shortest = aligned_returns(self.bars, plan.horizons[0], plan.lag)
        return Segment(
            name=name,
            events=len(events),
            signal_sessions=int(np.isfinite(tone).any(axis=1).sum()),
            signal_cells=int(np.isfinite(tone).sum()),
            paths={normal: _path(found, events, plan, rng) for normal, found in self.returns.items()},
            cars=tuple(
                judge_car(returns, events, horizon, plan.lag, rng, draws=plan.draws)
                for returns in self.returns.values()
                for horizon in plan.horizons
            ),
            ranks=tuple(
                judge_ranks(self.bars, tone, horizon, plan.lag, plan.quantiles) for horizon in plan.horizons
            ),
            turnover=turnover(tone, plan.quantiles),
            ics=information_coefficients(tone, shortest),
        )


def _path(
    returns: AbnormalReturns, events: Events, plan: Plan, rng: np.random.Generator
) -> tuple[Interval, ...]:
    cumulated = np.cumsum(returns.path(events, plan.offsets), axis=1)
    return tuple(
        cluster_bootstrap(cumulated[:, column], events.sessions, rng, draws=plan.draws // 4)
        for column in range(len(plan.offsets))
    )


def _lines(segment: Segment) -> Iterator[tuple[str, str, int, float, float]]:
    for test in segment.cars:
        yield segment.name, f"car_{test.normal}", test.horizon, test.car.mean, test.car.p_value
    for rank in segment.ranks:
        yield segment.name, "rank_ic", rank.horizon, rank.ic.mean, rank.ic.p_value
        yield segment.name, "quantile_spread", rank.horizon, rank.spread.mean, rank.spread.p_value


def _adjusted(lines: list[tuple[str, str, int, float, float]]) -> tuple[TestLine, ...]:
    p_values = [line[4] for line in lines]
    return tuple(
        TestLine(*line, strict, lenient)
        for line, strict, lenient in zip(lines, holm(p_values), benjamini_hochberg(p_values), strict=True)
    )


def _warnings(segments: tuple[Segment, ...], tests: tuple[TestLine, ...], plan: Plan) -> Iterator[str]:
    counted = [test for test in tests if np.isfinite(test.p_value)]
    small = sum(test.p_value < 0.05 for test in counted)
    surviving = sum(test.holm < 0.05 for test in counted)
    yield (
        f"{len(counted)} tests: about {len(counted) * 0.05:.0f} of them fall below p = 0.05 by chance alone; {small} do, "
        f"{surviving} after Holm's correction. Every further variant that was tried and not shown adds to this number."
    )
    whole = segments[0]
    if whole.events < FEW_EVENTS:
        yield f"only {whole.events} alerts concern a symbol with prices: intervals around them say little."
    if whole.signal_sessions < FEW_SESSIONS:
        yield f"only {whole.signal_sessions} sessions have a signal."
    apart = {segment.name: segment for segment in segments}
    if plan.cutoff is None:
        yield "the model's training cut-off is not known (--cutoff): it may have been trained on what came of these news."
    elif not apart["after_cutoff"].signal_cells:
        yield (
            f"all of it lies before the model's training cut-off ({plan.cutoff}): the model may know what came of these news. "
            "Nothing here is out of sample."
        )
