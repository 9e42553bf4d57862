"""Detection over a stretch of pane ends: load what the active cells need once, then walk each cell pane by pane."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from streams.domain.baseline import GRID, Baseline, block_starts, fit_baseline
from streams.domain.closing import AlertChange, AlertVersion
from streams.domain.detector import Verdict, judge, passes_gates
from streams.domain.episode import Episode, State, hold_episode, open_episode
from streams.domain.pool import HOUR_US, HourlyCounts, Pool, Presence, fit_pool, pool_time
from streams.domain.surge import (
    MICROSECOND,
    NO_ROWS,
    SPANS,
    Cell,
    CellRows,
    Row,
    count_span,
    group_rows,
    microseconds,
    moment,
)
from streams.domain.window import DAY, HOUR, floor
from streams.stages.detector_memory import KINDS, DetectorMemory, Stretch

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime, timedelta

    from streams.domain.detector import Thresholds
    from streams.domain.episode import Advance
    from streams.ports import ClosingTransaction

REACH = max(SPANS.values())
# Blocks end two spans before their grid time and are one span long; a day more tells which of their hours were watched.
MARGIN = 3 * REACH + GRID + DAY
MAX_DAYS_KEPT = 3
DAY_US = DAY // MICROSECOND
GRID_US = GRID // MICROSECOND
FOLLOWING = 2
"""Grid times of a step that follows the watermark, at most."""


class Detector:
    """Walks the tested cells over one stretch and stores what became of their episodes."""

    def __init__(
        self,
        transaction: ClosingTransaction,
        thresholds: Thresholds,
        memory: DetectorMemory,
        stretch: Stretch,
    ) -> None:
        self._transaction = transaction
        self._limits = thresholds
        self._memory = memory
        self._stretch = stretch
        self._panes = stretch.panes()
        self._presence = Presence(0, np.empty(0, dtype=np.bool_))
        self._baselines = memory.baselines

    async def run(self, *, notify: bool) -> int:
        """Returns how many alerts were opened."""
        latest = await self._transaction.latest_episodes(self._stretch.after - REACH)
        episodes = {episode.cell: episode for episode in latest}
        candidates = await self._candidates()
        firing = [cell for cell, episode in episodes.items() if episode.state is State.FIRING]
        cells = sorted({*candidates, *firing})
        if not cells:
            return 0
        history = await self._load(cells, [*candidates.values()], earliest_open=bool(firing))
        opened = 0
        for cell in cells:
            rows = history.get(cell, NO_ROWS)
            # in a thread: a backlog's walk takes seconds, in which the worker must keep up its heartbeats
            changes = await asyncio.to_thread(
                self._walk, cell, rows, candidates.get(cell, []), episodes.get(cell)
            )
            for change in changes:
                await self._save(change, notify=notify)
                opened += change.opened
        self._memory.forget_before(pool_time(self._stretch.until) - MAX_DAYS_KEPT * DAY)
        return opened

    async def _candidates(self) -> dict[Cell, list[int]]:
        """Pane ends at which a cell passes the gates and has a new negative document that came on time."""
        stretch = self._stretch
        rows = await self._transaction.negative_rows(stretch.after, stretch.until, REACH)
        after, until = microseconds(stretch.after), microseconds(stretch.until)
        return await asyncio.to_thread(self._loud_panes, rows, after, until)

    def _loud_panes(self, rows: Sequence[Row], after: int, until: int) -> dict[Cell, list[int]]:
        found: dict[Cell, list[int]] = {}
        for cell, cell_rows in group_rows(rows).items():
            if len(cell_rows.times) < self._limits.min_negatives:
                continue
            loud = [
                pane for pane in cell_rows.on_time_panes(after, until).tolist() if self._loud(cell_rows, pane)
            ]
            if loud:
                found[cell] = loud
        return found

    def _loud(self, rows: CellRows, pane: int) -> bool:
        low, high = np.searchsorted(rows.times, (pane - REACH // MICROSECOND, pane))
        if high - low < self._limits.min_negatives:
            return False
        return any(passes_gates(count_span(rows, pane, span), self._limits) for span in SPANS.values())

    async def _load(
        self, cells: Sequence[Cell], candidates: Sequence[Sequence[int]], *, earliest_open: bool
    ) -> Mapping[Cell, CellRows]:
        stretch = self._stretch
        first = stretch.after if earliest_open else moment(min(panes[0] for panes in candidates))
        start = floor(first, DAY) - self._limits.baseline - MARGIN
        days = [
            moment(day)
            for day in np.unique(self._panes // DAY_US * DAY_US).tolist()
            if moment(day) >= pool_time(first)
        ]
        self._presence = await self._memory.presence(self._transaction, start, stretch.until)
        missing = self._memory.missing(days)
        for kind in KINDS if missing else ():
            counts = await self._transaction.hourly_counts(
                kind, missing[0] - self._limits.baseline, missing[-1]
            )
            for day in missing:
                self._memory.put(kind, day, self._fit_pool(counts, day))
        return await self._histories(cells, first, start)

    async def _histories(
        self, cells: Sequence[Cell], first: datetime, start: datetime
    ) -> Mapping[Cell, CellRows]:
        """Rows of each cell: a baseline's worth where one is still to be fitted, else what its spans reach back to.

        A step that follows the watermark meets one or two grid times and fits them at once; a backlog meets many and fits
        what it comes to need.
        """
        grid = [
            moment(at)
            for at in np.unique(self._panes[self._panes >= microseconds(first)] // GRID_US * GRID_US)
        ]
        follows = len(grid) <= FOLLOWING
        fitted = {
            cell
            for cell in cells
            if follows and all((cell, name, at) in self._baselines for name in SPANS for at in grid)
        }
        whole = [cell for cell in cells if cell not in fitted]
        found = await self._rows(sorted(fitted), self._stretch.after - REACH)
        found |= await self._rows(whole, start)
        for cell in whole if follows else ():
            for name in SPANS:
                for at in grid:
                    await asyncio.to_thread(self._baseline, cell, found.get(cell, NO_ROWS), name, at)
        return found

    async def _rows(self, cells: Sequence[Cell], start: datetime) -> dict[Cell, CellRows]:
        if not cells:
            return {}
        entities = sorted({cell.entity_id for cell in cells})
        topics = sorted({cell.topic for cell in cells if cell.is_market})
        rows = await self._transaction.rows(entities, topics, start, self._stretch.until)
        grouped = group_rows(rows)
        return {cell: grouped[cell] for cell in cells if cell in grouped}

    def _fit_pool(self, counts: HourlyCounts, day: datetime) -> Pool | None:
        end = microseconds(day) // HOUR_US
        start = end - self._limits.baseline // HOUR
        return fit_pool(counts, self._presence.observed(end, start), start, end)

    def _walk(
        self, cell: Cell, rows: CellRows, candidates: Sequence[int], episode: Episode | None
    ) -> list[AlertChange]:
        """Every change of this cell's episodes in the stretch, in order."""
        changes: list[AlertChange] = []
        position = 0
        if episode is not None:
            changes.append(AlertChange(episode))
            if episode.state is State.FIRING:
                position = self._follow(changes[0], rows, 0)
        for pane in candidates:
            position = self._try_open(cell, rows, pane, position, changes)
        return [change for change in changes if change.versions or change.episode != episode]

    def _try_open(
        self, cell: Cell, rows: CellRows, pane: int, position: int, changes: list[AlertChange]
    ) -> int:
        """Open at this candidate unless it lies inside an earlier episode; returns the first pane not yet walked."""
        here = int(np.searchsorted(self._panes, pane))
        if here < position:
            return position
        at = moment(pane)
        since = changes[-1].episode.last_at if changes else None
        if since is not None and since <= at - REACH:
            since = None  # no span reaches back to it; whether this stretch happens to hold it must not show
        verdicts = self._verdicts(cell, rows, at, since, gated=True)
        advance = open_episode(cell, at, verdicts, self._limits, since)
        if advance.episode is None:
            return position
        change = AlertChange(advance.episode, opened=True)
        self._note(change, at, advance, rows, at)
        changes.append(change)
        return self._follow(change, rows, here + 1)

    def _follow(self, change: AlertChange, rows: CellRows, position: int) -> int:
        """Walk an open episode over every covered pane until it is resolved; returns the first pane not walked."""
        for index in range(position, len(self._panes)):
            at = moment(self._panes[index])
            verdicts = self._verdicts(change.episode.cell, rows, at, change.episode.since, gated=False)
            advance = hold_episode(change.episode, at, verdicts, self._limits)
            assert advance.episode is not None
            held_until, change.episode = change.episode.last_at, advance.episode
            self._note(change, at, advance, rows, held_until)
            if advance.episode.state is State.RESOLVED:
                return index + 1
        return len(self._panes)

    def _note(
        self, change: AlertChange, at: datetime, advance: Advance, rows: CellRows, held_until: datetime
    ) -> None:
        if advance.events or advance.new_peak:
            evidence = self._figures(change.episode, rows) if advance.new_peak else None
            change.versions.append(AlertVersion(at, change.episode, advance.events, held_until, evidence))

    def _verdicts(
        self, cell: Cell, rows: CellRows, at: datetime, since: datetime | None, *, gated: bool
    ) -> dict[str, Verdict]:
        """The spans that have something to say; ``gated`` asks for the gates first, as an opening does."""
        verdicts: dict[str, Verdict] = {}
        for name, span in SPANS.items():
            count = count_span(rows, microseconds(at), span, microseconds(since) if since else 0)
            if not count.negatives or (gated and not passes_gates(count, self._limits)):
                continue
            baseline, pool = self._baseline(cell, rows, name, at), self._memory.get(cell.kind, pool_time(at))
            if baseline is not None and pool is not None:
                mass = pool.mass(microseconds(at - span), microseconds(at))
                verdicts[name] = judge(name, count, baseline.expectation(mass))
        return verdicts

    def _baseline(self, cell: Cell, rows: CellRows, name: str, at: datetime) -> Baseline | None:
        as_of = floor(at, GRID)
        key = (cell, name, as_of)
        if key not in self._baselines:
            pool = self._memory.get(cell.kind, pool_time(as_of))
            usable = pool is not None and pool.days * DAY >= self._limits.min_history
            self._baselines[key] = self._fit(rows, pool, SPANS[name], as_of) if pool and usable else None
        return self._baselines[key]

    def _fit(self, rows: CellRows, pool: Pool, span: timedelta, as_of: datetime) -> Baseline | None:
        end = microseconds(as_of) // HOUR_US
        observed = self._presence.observed(end, end - (self._limits.baseline + MARGIN - DAY - GRID) // HOUR)
        return fit_baseline(
            rows, pool, block_starts(as_of, span, self._limits.baseline, observed), span, as_of
        )

    def _figures(self, episode: Episode, rows: CellRows) -> dict[str, Any]:
        """Evidence of the peak: both spans' figures and baselines. The rest is read from the store when saved."""
        at = episode.peak_at
        verdicts = self._verdicts(episode.cell, rows, at, episode.since, gated=False)
        baselines = {name: self._baseline(episode.cell, rows, name, at) for name in verdicts}
        return {
            "peak_at": at.isoformat(),
            "since": episode.since.isoformat() if episode.since else None,
            "spans": {name: asdict(verdict) for name, verdict in verdicts.items()},
            "baseline": {
                name: _described(fitted) for name, fitted in baselines.items() if fitted is not None
            },
        }

    async def _save(self, change: AlertChange, *, notify: bool) -> None:
        for version in change.versions:
            if version.evidence is not None:
                version.evidence |= asdict(await self._transaction.facts(version.episode))
        known = {version.at: self._stretch.knowledge.known_at(version.at) for version in change.versions}
        await self._transaction.save_alert(change, known, notify=notify)


def _described(baseline: Baseline) -> dict[str, Any]:
    figures = {
        name: round(value, 6) if isinstance(value, float) else value
        for name, value in asdict(baseline).items()
    }
    return {**figures, "as_of": baseline.as_of.isoformat()}
