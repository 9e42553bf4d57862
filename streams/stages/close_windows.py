"""The closer: watermark → stories → detection → fold → closed, one transaction a step."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from streams.domain.closing import ClosedReport, ClosingState, StoryOf, Unassigned
from streams.domain.detector import Thresholds
from streams.domain.story import Signed, story_id
from streams.domain.summary import SILENCE, covered, forced_frontier, watermark_frontier
from streams.domain.window import DAY, PANE, floor
from streams.stages.detect import Detector
from streams.stages.detector_memory import DetectorMemory, Stretch
from streams.stages.fold_windows import Folder, TimeRules, panes_in
from streams.stages.story_memory import StoryMemory

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from streams.domain.document import SourcePartition
    from streams.domain.leaders import LeaderIndex
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
        self._rules = TimeRules(
            lateness={name: settings.lateness(name) for name in ("news", "social")},
            day_cut=settings.time.day_cut,
            silent_after=settings.time.silent_after,
        )
        self._thresholds = Thresholds(**settings.detector.model_dump())
        self._memory = DetectorMemory()
        self._stories = StoryMemory()
        self._max_panes = max_panes
        self._clock = clock
        self._next_fold = 0.0

    async def step(
        self, *, end_of_input: bool, ends: Mapping[SourcePartition, int] | None = None
    ) -> ClosedReport:
        """Close what can be closed now, a bounded stretch at a time; call again until ``caught_up``.

        Args:
            end_of_input: nothing more will come, so close everything up to the last document.
            ends: end offsets of the broker as of now; a partition that is stored up to there counts as idle, and what is
                closed without it is marked as forced.

        Raises:
            Unavailable: the store does not answer; nothing was written.
        """
        async with self._store.transaction() as transaction:
            state = await transaction.state()
            self._stories.begin(state)
            step = _Step(transaction, state)
            reached = watermark_frontier(state.partitions, self._rules.lateness)
            target = await self._target(transaction, state, reached, end_of_input=end_of_input, ends=ends)
            await step.aim(target, self._max_panes, reached=None if end_of_input else reached)
            due = step.caught_up and (end_of_input or self._clock() >= self._next_fold)
            opened = 0
            if step.stretch is not None:
                await step.assign_stories(self._stories)
                await step.count_hours()
                detector = Detector(transaction, self._thresholds, self._memory, step.stretch)
                opened = await detector.run(notify=state.notify)
            if step.stretch is not None or (due and await transaction.has_dirty()):
                await self._fold(step, state, transaction, provisional=due)
            if end_of_input and step.caught_up:
                self._memory.clear()  # documents that come after all may change what was visible
            report = step.report(opened)
        self._stories.committed(report.closed_until, state.erasures)
        return report

    async def _target(
        self,
        transaction: ClosingTransaction,
        state: ClosingState,
        reached: datetime | None,
        *,
        end_of_input: bool,
        ends: Mapping[SourcePartition, int] | None,
    ) -> datetime | None:
        further = await transaction.last_pane() if end_of_input else None
        if further is None and ends:
            further = forced_frontier(state.partitions, self._rules.lateness, ends)
        return max((time for time in (reached, further) if time is not None), default=None)

    async def _fold(
        self, step: _Step, state: ClosingState, transaction: ClosingTransaction, *, provisional: bool
    ) -> None:
        started = self._clock()
        folder = Folder(transaction, state, step.stretch, self._rules)
        step.dirty_left = await folder.fold(step.touched, provisional=provisional)
        if provisional:
            ended = self._clock()
            self._next_fold = ended + max(FOLD_SECONDS, (ended - started) / FOLD_SHARE)


class _Step:
    """One transaction's worth of closing."""

    def __init__(self, transaction: ClosingTransaction, state: ClosingState) -> None:
        self._transaction = transaction
        self._counted = state.counted_until
        self._closed = state.closed_until
        self.touched: set[datetime] = set()
        self.dirty_left = 0
        self.stretch: Stretch | None = None
        self.caught_up = True

    async def aim(self, target: datetime | None, max_panes: int, *, reached: datetime | None) -> None:
        """Choose the stretch (closed_until, until] of this step, as far as the target and the bounds allow.

        A run begins with the pane of its first document: what partitions have said before that closes nothing, because how
        far they were when somebody looked is no property of the input.

        Beyond ``reached``, which the watermarks let close, panes are forced; None: input has ended.
        """
        if target is None or (self._closed is not None and target <= self._closed):
            return
        pending = await self._transaction.pending(target, max_panes + 1)
        if self._closed is None and not pending:
            return
        until, documents = target, 0
        for position, (pane, count) in enumerate(pending):
            documents += count
            if position and (position >= max_panes or documents > MAX_DOCUMENTS):
                until, self.caught_up = max(pending[position - 1][0], self._closed or pane), False
                break
        after = self._closed if self._closed is not None else pending[0][0] - PANE
        if until > after:
            presence = await self._transaction.presence(after, until, SILENCE)
            knowledge = await self._transaction.knowledge(after, until)
            forced = reached is not None and until > reached
            self.stretch = Stretch(after, until, covered(presence, after, until), knowledge, forced=forced)

    async def assign_stories(self, memory: StoryMemory) -> None:
        """Decide the story of every document that became readable, in (known_pane, event_time, id) order."""
        assert self.stretch is not None
        documents = await self._transaction.unassigned(self.stretch.until)
        if not documents:
            return
        times = [document.event_time for document in documents]
        index = await memory.load(self._transaction, times, self.stretch.until)
        # in a thread: seconds of computing must not keep the worker from its heartbeats
        stories = await asyncio.to_thread(_assign, documents, index)
        await self._transaction.save_stories(stories)
        self.touched = {floor(document.event_time) for document in documents}

    async def count_hours(self) -> None:
        """Write the hourly counts of the days that end in this stretch, as known at their ends."""
        assert self.stretch is not None
        midnight = floor(self.stretch.until, DAY)
        if self._counted is None or self._counted < midnight:
            await self._transaction.count_hours(self._counted, midnight)

    def report(self, opened: int) -> ClosedReport:
        """What this step did."""
        stretch = self.stretch
        return ClosedReport(
            panes_closed=panes_in(stretch.coverage) if stretch else 0,
            closed_until=stretch.until if stretch else self._closed,
            alerts_opened=opened,
            dirty_left=self.dirty_left,
            caught_up=self.caught_up,
        )


def _assign(documents: Sequence[Unassigned], index: LeaderIndex) -> list[StoryOf]:
    """Stories in the given order; a revised document stays in the story of its earlier version."""
    earlier = {
        document.document_id: document.story_id for document in documents if document.story_id is not None
    }
    stories: list[StoryOf] = []
    for document in documents:
        kept = earlier.get(document.document_id)
        if kept is None and story_id(document.document_id) in index:
            kept = story_id(document.document_id)
        if kept is not None:
            stories.append(StoryOf(document, kept, leads=False))
            continue
        signed = Signed(document.document_id, document.event_time, document.signature)
        assignment = index.assign(signed)
        earlier[document.document_id] = assignment.story_id
        stories.append(StoryOf(document, assignment.story_id, leads=assignment.is_leader))
    return stories
