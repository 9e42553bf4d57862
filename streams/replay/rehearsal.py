"""Detection alone over the stored mentions of another run: new thresholds, no Kafka, no models, no folding.

With the settings of that run it raises that run's alerts, figure for figure.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from streams.domain.summary import SILENCE, covered
from streams.domain.window import DAY
from streams.stages.detect import Detector
from streams.stages.detector_memory import DetectorMemory, Stretch

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from streams.domain.detector import Thresholds
    from streams.ports import ClosingStore

STEP = timedelta(days=28)
"""One transaction's stretch. Each reads a baseline of mentions before it: long ones read less."""


class Rehearsal:
    """Judges a stretch of closed panes; killed, it goes on from its run's ``closed_until``."""

    def __init__(self, store: ClosingStore, thresholds: Thresholds, until: datetime) -> None:
        self._store = store
        self._thresholds = thresholds
        self._until = until
        self._memory = DetectorMemory()
        self.opened = 0
        self.panes = 0

    async def run(self, tell: Callable[[datetime], None] = lambda _: None) -> None:
        """Judge everything; ``tell`` hears how far in event time it is."""
        while (reached := await self._step()) is not None:
            tell(reached)

    async def _step(self) -> datetime | None:
        """One stretch; None when all is judged."""
        async with self._store.transaction() as transaction:
            after = (await transaction.state()).closed_until
            assert after is not None
            if after >= self._until:
                return None
            until = min(after + STEP, self._until)
            presence = await transaction.presence(after, until, SILENCE)
            stretch = Stretch(
                after, until, covered(presence, after, until), await transaction.knowledge(after, until)
            )
            self.opened += await Detector(transaction, self._thresholds, self._memory, stretch).run(
                notify=False
            )
            self.panes += len(stretch.panes())
            await transaction.set_closed(until)
        return until


def first_pane(first: datetime, since: datetime | None, baseline: timedelta) -> datetime:
    """Where judging starts: one baseline before ``since``, so that what was open by then is known, or at the beginning."""
    warm = since - baseline - DAY if since is not None else first
    return max(warm, first)
