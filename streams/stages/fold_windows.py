"""Folding within one step of the closer: open windows provisionally, closing ones as of their end, closed ones as revisions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from streams.domain.closing import ClosedPane
from streams.domain.knowledge import ALL, Status
from streams.domain.summary import (
    Dirty,
    Frontier,
    contiguous,
    offset_of,
    plan_fold,
    watermark_frontier,
    windows_ending,
)
from streams.domain.window import DAY, EPOCH, PANE, WINDOW_SIZES, floor

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime, timedelta

    from streams.domain.closing import ClosingState
    from streams.domain.summary import FoldPlan, Range, Refold
    from streams.ports import ClosingTransaction
    from streams.stages.detector_memory import Stretch


@dataclass(frozen=True, slots=True)
class TimeRules:
    """The settings of time that closing needs."""

    lateness: Mapping[str, timedelta]
    day_cut: timedelta
    silent_after: timedelta


@dataclass(frozen=True, slots=True)
class Folder:
    """Folds what one step makes due; ``stretch`` is None where nothing closes."""

    transaction: ClosingTransaction
    state: ClosingState
    stretch: Stretch | None
    rules: TimeRules

    async def fold(self, touched: Iterable[datetime], *, provisional: bool) -> int:
        """Fold, note what is closed now, and return how many panes await a later fold.

        Args:
            touched: panes with documents that have just got their story.
            provisional: whether open windows are folded too.
        """
        frontier = Frontier(
            self.state.closed_until, self.stretch.until if self.stretch else self.state.closed_until
        )
        dirty = await self.transaction.take_dirty(None if provisional else frontier.until)
        plan = plan_fold(
            [*self._thawed(dirty), *(Dirty(pane, None) for pane in touched)],
            frontier,
            self.rules.day_cut,
            provisional=provisional,
        )
        for size, starts in plan.windows.items():
            if starts:
                await self.transaction.fold_open(size, contiguous(starts, WINDOW_SIZES[size]))
        if self.stretch is not None:
            await self._close(self.stretch, forced=_forced(self.state, self.rules, self.stretch))
        await self._renew(plan, frontier.until)
        await self._revise(plan.revisions)
        if plan.carried:
            await self.transaction.put_dirty(plan.carried)
        return len(plan.carried)

    def _thawed(self, dirty: Iterable[Dirty]) -> list[Dirty]:
        frozen = self.state.frozen_until
        return [item for item in dirty if frozen is None or item.pane >= frozen]

    async def _close(self, stretch: Stretch, *, forced: Mapping[str, datetime]) -> None:
        panes = windows_ending(stretch.coverage, "5m", self.rules.day_cut)
        await self.transaction.save_panes([self._pane(stretch, start, forced) for start in panes])
        for size, width in WINDOW_SIZES.items():
            offset = offset_of(size, self.rules.day_cut)
            if floor(stretch.until, width, offset) <= floor(stretch.after, width, offset):
                continue
            starts = await self.transaction.closing_windows(size, stretch.after, stretch.until)
            if starts:
                known = [stretch.knowledge.known_at(start + width) for start in starts]
                await self.transaction.fold_closing(size, starts, known)
            if width > PANE:
                ended = windows_ending(stretch.coverage, size, self.rules.day_cut)
                await self.transaction.save_wider(
                    size, [(start, stretch.knowledge.known_at(start + width)) for start in ended]
                )
        await self.transaction.set_closed(stretch.until)

    def _pane(self, stretch: Stretch, start: datetime, forced: Mapping[str, datetime]) -> ClosedPane:
        end = start + PANE
        lacking = stretch.knowledge.lacking(end, self.rules.silent_after)
        status = {}
        for name in (ALL, *self.rules.lateness):
            if name in forced and end > forced[name]:
                status[name] = Status.FORCED
            elif name in lacking or (name == ALL and lacking):
                status[name] = Status.DEGRADED
            else:
                status[name] = Status.COMPLETE
        return ClosedPane(start, stretch.knowledge.known_at(end), status)

    async def _renew(self, plan: FoldPlan, until: datetime | None) -> None:
        """Closed windows from the beginning: as of their ends, then each later revision."""
        for size, starts in plan.renewed.items():
            if not starts or until is None:
                continue
            knowledge = await self.transaction.knowledge(starts[0], until)
            width = WINDOW_SIZES[size]
            await self.transaction.forget_revisions(size, starts)
            await self.transaction.fold_closing(
                size, starts, [knowledge.known_at(start + width) for start in starts]
            )
            later = await self.transaction.later_panes(size, starts, until)
            if later:
                known = [knowledge.known_at(item.as_of) for item in later]
                await self.transaction.revise(size, later, known)
        if plan.renewed["5m"]:
            await self.transaction.recount_hours(sorted({floor(pane, DAY) for pane in plan.renewed["5m"]}))

    async def _revise(self, plan: Mapping[str, Sequence[Refold]]) -> None:
        for size, revisions in plan.items():
            if revisions:
                await self.transaction.revise(size, revisions, await self._known(revisions))

    async def _known(self, revisions: Sequence[Refold]) -> list[datetime]:
        """When each revision was known: as its pane closed, or with the last record where that was before."""
        stretch, closed = self.stretch, self.state.closed_until
        knowledge = stretch.knowledge if stretch else await self.transaction.knowledge(EPOCH, EPOCH)
        return [
            knowledge.now(item.as_of)
            if stretch is None or (closed is not None and item.due <= closed)
            else knowledge.known_at(item.as_of)
            for item in revisions
        ]


def _forced(state: ClosingState, rules: TimeRules, stretch: Stretch) -> dict[str, datetime]:
    """By source class: the pane end after which panes are closed only because partitions are idle."""
    if not stretch.forced:
        return {}
    reached = {}
    for name in (ALL, *rules.lateness):
        own = [part for part in state.partitions if name in {ALL, part.source_class}]
        if own:
            reached[name] = watermark_frontier(own, rules.lateness) or EPOCH
    return reached


def panes_in(coverage: Sequence[Range]) -> int:
    """How many pane ends these ranges hold."""
    return sum((part.until - part.after) // PANE for part in coverage)
