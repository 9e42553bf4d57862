"""Folding windows: one statement a size and stretch of time, exact arithmetic only.

A window is a pure function of the stored mentions, written anew, never incremented. Quotients of integers and of numeric sums
are exact before they are rounded, so the result does not depend on the order of rows. An open window is folded from the
current versions; a closed one from the versions that a pane end reads: its own end first, later ones for its revisions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from streams.adapters.postgres.revising import REVISE
from streams.adapters.postgres.statements import Statements
from streams.adapters.postgres.window_rows import CELL, GROUPS, MEASURES, VALUES
from streams.domain.knowledge import Status
from streams.domain.summary import Dirty, Refold, offset_of
from streams.domain.window import EPOCH, PANE, WINDOW_SIZES

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from streams.domain.closing import ClosedPane

FOLD_OPEN = f"""
    WITH bound AS (
        SELECT date_bin(%(width)s::interval, event_time, %(origin)s) AS window_start, m.*
        FROM core.mention m
        WHERE run_id = %(run)s AND event_time >= %(low)s AND event_time < %(high)s
    )
    INSERT INTO core.window_agg (run_id, window_size, window_start, {CELL}, {VALUES})
    SELECT %(run)s, %(size)s, window_start, {MEASURES}
    FROM bound
    WHERE window_start = ANY(%(starts)s)
    GROUP BY {GROUPS.format(window="window_start")}
"""
FOLD_CLOSING = f"""
    WITH closing AS (
        SELECT * FROM unnest(%(starts)s::timestamptz[], %(known)s::timestamptz[]) AS w (window_start, known)
    ), bound AS (
        SELECT window_start, known, m.*
        FROM core.mention_known m JOIN closing ON window_start = date_bin(%(width)s::interval, event_time, %(origin)s)
        WHERE run_id = %(run)s AND event_time >= %(low)s AND event_time < %(high)s
          AND known_pane <= window_start + %(width)s::interval
          AND (superseded_pane IS NULL OR superseded_pane > window_start + %(width)s::interval)
    )
    INSERT INTO core.window_agg (run_id, window_size, window_start, known_from, {CELL}, {VALUES})
    SELECT %(run)s, %(size)s, window_start, known, {MEASURES}
    FROM bound
    GROUP BY {GROUPS.format(window="window_start, known")}
"""
CLOSING = """
    SELECT window_start FROM (
        SELECT DISTINCT date_bin(%(width)s::interval, event_time, %(origin)s) AS window_start FROM core.mention_known
        WHERE run_id = %(run)s AND entity_id = 'MARKET'
          AND event_time >= %(after)s - %(width)s::interval AND event_time < %(until)s
        UNION
        SELECT DISTINCT window_start FROM core.window_agg
        WHERE run_id = %(run)s AND window_size = %(size)s
          AND window_start > %(after)s - %(width)s::interval AND window_start <= %(until)s - %(width)s::interval
    ) AS w
    WHERE window_start > %(after)s - %(width)s::interval AND window_start <= %(until)s - %(width)s::interval
    ORDER BY 1
"""
STATUS = """
    INSERT INTO core.window_status (run_id, window_size, source_class, window_start, status, known_at)
    SELECT %(run)s, '5m', * FROM unnest(%(classes)s::text[], %(starts)s::timestamptz[], %(status)s::text[],
                                        %(known)s::timestamptz[])
    ON CONFLICT DO NOTHING
"""
WIDER_STATUS = f"""
    INSERT INTO core.window_status (run_id, window_size, source_class, window_start, known_at, status)
    SELECT %(run)s, %(size)s, class, start, known,
           CASE WHEN bool_or(status = '{Status.FORCED}') THEN '{Status.FORCED}'
                WHEN bool_or(status = '{Status.DEGRADED}') OR count(status) < %(panes)s THEN '{Status.DEGRADED}'
                ELSE '{Status.COMPLETE}' END
    FROM unnest(%(starts)s::timestamptz[], %(known)s::timestamptz[]) AS w (start, known)
         CROSS JOIN unnest(ARRAY['all', 'news', 'social']) AS class
         LEFT JOIN core.window_status p ON p.run_id = %(run)s AND p.window_size = '5m' AND p.source_class = class
               AND p.window_start >= start AND p.window_start < start + %(width)s::interval
    GROUP BY class, start, known
    ON CONFLICT DO NOTHING
"""

FORGET = (
    "DELETE FROM core.window_history WHERE run_id = %(run)s AND window_size = %(size)s AND window_start = ANY(%(starts)s)",
    """UPDATE core.window_status SET revision = 0
       WHERE run_id = %(run)s AND window_size = %(size)s AND window_start = ANY(%(starts)s)""",
)
LATER = """
    SELECT DISTINCT window_start, pane, date_bin('5 minutes', event_time, 'epoch'), pane
    FROM unnest(%(starts)s::timestamptz[]) AS window_start
         JOIN core.mention_known m ON run_id = %(run)s AND event_time >= window_start
              AND event_time < window_start + %(width)s::interval
         CROSS JOIN LATERAL (VALUES (known_pane), (superseded_pane)) AS v (pane)
    WHERE pane > window_start + %(width)s::interval AND pane <= %(until)s
    ORDER BY 1, 2
"""


class Folding(Statements):
    """The writing half of windows."""

    async def take_dirty(self, before: datetime | None) -> list[Dirty]:
        rows = await self._fetch(
            "DELETE FROM core.dirty_window WHERE run_id = %(run)s AND pane_start < %(before)s RETURNING pane_start, known_pane",
            before=before or "infinity",
        )
        return [Dirty(*row) for row in set(rows)]

    async def has_dirty(self) -> bool:
        return bool(await self._fetch("SELECT 1 FROM core.dirty_window WHERE run_id = %(run)s LIMIT 1"))

    async def put_dirty(self, panes: Iterable[Dirty]) -> None:
        kept = list(panes)
        await self._execute(
            "INSERT INTO core.dirty_window (run_id, pane_start, known_pane)"
            " SELECT %(run)s, * FROM unnest(%(panes)s::timestamptz[], %(due)s::timestamptz[])",
            panes=[item.pane for item in kept], due=[item.due for item in kept],
        )  # fmt: skip

    async def fold_open(self, size: str, groups: Sequence[Sequence[datetime]]) -> None:
        width = WINDOW_SIZES[size]
        for starts in groups:
            await self._clear(size, starts)
            await self._execute(
                FOLD_OPEN, size=size, width=width, origin=EPOCH + offset_of(size, self._day_cut),
                low=starts[0], high=starts[-1] + width, starts=list(starts),
            )  # fmt: skip

    async def closing_windows(self, size: str, after: datetime, until: datetime) -> list[datetime]:
        rows = await self._fetch(
            CLOSING, size=size, width=WINDOW_SIZES[size], origin=EPOCH + offset_of(size, self._day_cut), after=after,
            until=until,
        )  # fmt: skip
        return [row[0] for row in rows]

    async def fold_closing(self, size: str, starts: Sequence[datetime], known: Sequence[datetime]) -> None:
        width = WINDOW_SIZES[size]
        await self._clear(size, starts)
        await self._execute(
            FOLD_CLOSING, size=size, width=width, origin=EPOCH + offset_of(size, self._day_cut), low=min(starts),
            high=max(starts) + width, starts=list(starts), known=list(known),
        )  # fmt: skip

    async def _clear(self, size: str, starts: Sequence[datetime]) -> None:
        await self._execute(
            "DELETE FROM core.window_agg WHERE run_id = %(run)s AND window_size = %(size)s"
            " AND window_start = ANY(%(starts)s)",
            size=size, starts=list(starts),
        )  # fmt: skip

    async def revise(self, size: str, revisions: Sequence[Refold], known: Sequence[datetime]) -> None:
        await self._execute(
            REVISE, size=size, width=WINDOW_SIZES[size],
            starts=[item.start for item in revisions], as_of=[item.as_of for item in revisions],
            panes=[item.pane for item in revisions], due=[item.due for item in revisions], known=list(known),
        )  # fmt: skip

    async def forget_revisions(self, size: str, starts: Sequence[datetime]) -> None:
        for statement in FORGET:
            await self._execute(statement, size=size, starts=list(starts))

    async def later_panes(self, size: str, starts: Sequence[datetime], until: datetime) -> list[Refold]:
        rows = await self._fetch(LATER, width=WINDOW_SIZES[size], starts=list(starts), until=until)
        return [Refold(*row) for row in rows]

    async def save_panes(self, panes: Sequence[ClosedPane]) -> None:
        rows = [
            (name, pane.start, status.value, pane.known_at)
            for pane in panes
            for name, status in pane.status.items()
        ]
        if rows:
            classes, starts, status, known = map(list, zip(*rows, strict=True))
            await self._execute(STATUS, classes=classes, starts=starts, status=status, known=known)

    async def save_wider(self, size: str, windows: Sequence[tuple[datetime, datetime]]) -> None:
        if windows:
            starts, known = map(list, zip(*windows, strict=True))
            width = WINDOW_SIZES[size]
            await self._execute(
                WIDER_STATUS, size=size, width=width, panes=width // PANE, starts=starts, known=known
            )
