"""The closer: watermark → stories → detection → fold → closed, one transaction a step."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from streams.domain.closing import ClosedReport, ClosingState, StoryOf, Unassigned
from streams.domain.detector import Thresholds
from streams.domain.story import STORY_SPAN, LeaderIndex, Signed, story_id
from streams.domain.summary import (
    SILENCE,
    Range,
    contiguous,
    covered,
    plan_fold,
    watermark_frontier,
    windows_ending,
)
from streams.domain.window import PANE, WINDOW_SIZES, floor
from streams.stages.detect import Detector
from streams.stages.detector_memory import DetectorMemory, Stretch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime, timedelta

    from streams.domain.story import Leader
    from streams.domain.summary import Knowledge
    from streams.ports import ClosingStore, ClosingTransaction
    from streams.settings import Settings

MAX_PANES, MAX_DOCUMENTS = 2_000, 20_000
"""Bounds of one step, so that a backlog neither fills the memory nor holds a transaction for minutes."""
FOLD_SECONDS, FOLD_SHARE = 1.0, 0.1
"""Open windows are folded again this often at most, and at most for this share of the time."""


class Closer:
    """Closes the windows of one run, step by step. Several workers may call it: steps wait for each other.

    Args:
        store: where rows come from and results go.
        settings: lateness, day cut and thresholds.
        run_name: for messages only.
        clock: seconds, monotonic; paces provisional folds and decides nothing else.
    """

    def __init__(
        self,
        store: ClosingStore,
        settings: Settings,
        run_name: str,
        *,
        max_panes: int = MAX_PANES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.run_name = run_name
        self._store = store
        self._lateness = {name: settings.lateness(name) for name in ("news", "social")}
        self._day_cut = settings.time.day_cut
        self._thresholds = Thresholds(**settings.detector.model_dump())
        self._memory = DetectorMemory()
        self._max_panes = max_panes
        self._clock = clock
        self._next_fold = 0.0

    async def step(self, *, end_of_input: bool) -> ClosedReport:
        """Close what can be closed now, a bounded stretch at a time; call again until ``caught_up``.

        Args:
            end_of_input: nothing more will come, so close everything up to the last document.

        Raises:
            Unavailable: the store does not answer; nothing was written.
        """
        async with self._store.transaction() as transaction:
            state = await transaction.state()
            step = _Step(transaction, state, self._day_cut)
            await step.aim(await self._target(transaction, state, end_of_input=end_of_input), self._max_panes)
            due = step.caught_up and (end_of_input or self._clock() >= self._next_fold)
            opened = 0
            if step.stretch is not None:
                await step.assign_stories()
                detector = Detector(transaction, self._thresholds, self._memory, step.stretch)
                opened = await detector.run(notify=state.notify)
            if step.stretch is not None or (due and await transaction.has_dirty()):
                await self._fold(step, provisional=due)
            if end_of_input and step.caught_up:
                self._memory.clear()  # documents that come after all may change what was visible
            return step.report(opened)

    async def _target(
        self, transaction: ClosingTransaction, state: ClosingState, *, end_of_input: bool
    ) -> datetime | None:
        reached = watermark_frontier(state.partitions, self._lateness)
        last = await transaction.last_pane() if end_of_input else None
        return max((time for time in (reached, last) if time is not None), default=None)

    async def _fold(self, step: _Step, *, provisional: bool) -> None:
        started = self._clock()
        await step.fold(provisional=provisional)
        if provisional:
            ended = self._clock()
            self._next_fold = ended + max(FOLD_SECONDS, (ended - started) / FOLD_SHARE)


class _Step:
    """One transaction's worth of closing."""

    def __init__(self, transaction: ClosingTransaction, state: ClosingState, day_cut: timedelta) -> None:
        self._transaction = transaction
        self._day_cut = day_cut
        self._touched: set[datetime] = set()
        self._dirty_left = 0
        self._closed = state.closed_until
        self.stretch: Stretch | None = None
        self.caught_up = True

    async def aim(self, target: datetime | None, max_panes: int) -> None:
        """Choose the stretch (closed_until, until] of this step, as far as the target and the bounds allow."""
        if target is None or (self._closed is not None and target <= self._closed):
            return
        pending = await self._transaction.pending(target, max_panes + 1)
        until, documents = target, 0
        for position, (pane, count) in enumerate(pending):
            documents += count
            if position and (position >= max_panes or documents > MAX_DOCUMENTS):
                until, self.caught_up = max(pending[position - 1][0], self._closed or pane), False
                break
        after = self._closed if self._closed is not None else _first(pending, target)
        if until > after:
            presence = await self._transaction.presence(after - SILENCE, until)
            knowledge = await self._transaction.knowledge(after, until)
            self.stretch = Stretch(after, until, covered(presence, after, until), knowledge)

    async def assign_stories(self) -> None:
        """Decide the story of every document that became readable, in (known_pane, event_time, id) order."""
        assert self.stretch is not None
        documents = await self._transaction.unassigned(self.stretch.until)
        if not documents:
            return
        leaders = await self._transaction.leaders(_around(document.event_time for document in documents))
        # in a thread: seconds of computing must not keep the worker from its heartbeats
        stories = await asyncio.to_thread(_assign, documents, leaders)
        await self._transaction.save_stories(stories)
        self._touched = {floor(document.event_time) for document in documents}

    async def fold(self, *, provisional: bool) -> None:
        """Fold dirty windows and those that just got stories; then record what is closed."""
        frontier = self.stretch.until if self.stretch is not None else self._closed
        panes = self._touched | await self._transaction.take_dirty(None if provisional else frontier)
        plan = plan_fold(panes, frontier, self._day_cut, provisional=provisional)
        for size, starts in plan.windows.items():
            if starts:
                await self._fold_size(size, starts)
        if plan.carried:
            await self._transaction.put_dirty(plan.carried)
        self._dirty_left = len(plan.carried)
        if self.stretch is not None:
            await self._save_statuses(self.stretch, self.stretch.knowledge)
            await self._transaction.set_closed(self.stretch.until)

    async def _fold_size(self, size: str, starts: Sequence[datetime]) -> None:
        width = WINDOW_SIZES[size]
        closed = [start for start in starts if self._closed is not None and start + width <= self._closed]
        before = await self._transaction.digests(size, closed) if closed else {}
        await self._transaction.fold(size, contiguous(starts, width))
        after = await self._transaction.digests(size, closed) if closed else {}
        changed = sorted(key for key in before.keys() | after.keys() if before.get(key) != after.get(key))
        if changed:
            await self._transaction.bump_revisions(size, changed)

    async def _save_statuses(self, stretch: Stretch, knowledge: Knowledge) -> None:
        for size, width in WINDOW_SIZES.items():
            starts = windows_ending(stretch.coverage, size, self._day_cut)
            await self._transaction.save_statuses(
                size, [(start, knowledge.known_at(start + width)) for start in starts]
            )

    def report(self, opened: int) -> ClosedReport:
        """What this step did."""
        stretch = self.stretch
        return ClosedReport(
            panes_closed=sum((part.until - part.after) // PANE for part in stretch.coverage)
            if stretch
            else 0,
            closed_until=stretch.until if stretch else self._closed,
            alerts_opened=opened,
            dirty_left=self._dirty_left,
            caught_up=self.caught_up,
        )


def _first(pending: Sequence[tuple[datetime, int]], target: datetime) -> datetime:
    """Start of a run's first pane; a run without documents starts at its target."""
    return min(pending[0][0], target) - PANE if pending else target - PANE


def _around(times: Iterable[datetime]) -> list[Range]:
    """Where leaders of documents at these times may lie, merged."""
    ranges: list[Range] = []
    for moment in sorted(times):
        low, high = moment - STORY_SPAN, moment + STORY_SPAN
        if ranges and low <= ranges[-1].until:
            ranges[-1] = Range(ranges[-1].after, high)
        else:
            ranges.append(Range(low, high))
    return ranges


def _assign(documents: Sequence[Unassigned], leaders: Sequence[Leader]) -> list[StoryOf]:
    """Stories in the given order; a revised document stays in the story of its earlier version."""
    index = LeaderIndex(sorted(leaders, key=lambda leader: (leader.event_time, leader.story_id)))
    known = {leader.story_id for leader in leaders}
    earlier = {
        document.document_id: document.story_id for document in documents if document.story_id is not None
    }
    stories: list[StoryOf] = []
    for document in documents:
        kept = earlier.get(document.document_id)
        if kept is None and story_id(document.document_id) in known:
            kept = story_id(document.document_id)
        if kept is not None:
            stories.append(StoryOf(document, kept, leads=False))
            continue
        signed = Signed(document.document_id, document.event_time, document.signature)
        assignment = index.assign(signed)
        earlier[document.document_id] = assignment.story_id
        stories.append(StoryOf(document, assignment.story_id, leads=assignment.is_leader))
    return stories
