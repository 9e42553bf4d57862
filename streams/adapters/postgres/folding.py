"""Folding windows: one statement a size and stretch of time, exact arithmetic only.

A window is a pure function of the current mentions: deleted and written anew, never incremented. Quotients of integers and
of numeric sums are exact before they are rounded, so the result does not depend on the order of rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from streams.adapters.postgres.statements import Statements
from streams.domain.summary import offset_of
from streams.domain.window import EPOCH, WINDOW_SIZES

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

FOLD = """
    WITH bound AS (
        SELECT date_bin(%(width)s::interval, event_time, %(origin)s) AS window_start, m.*
        FROM core.mention m
        WHERE run_id = %(run)s AND event_time >= %(low)s AND event_time < %(high)s
    )
    INSERT INTO core.window_agg
        (run_id, window_size, window_start, entity_id, topic, source_class, buzz, stories, sources, negatives, neutrals,
         positives, negative_stories, net_sentiment, negative_share, conf_weighted_sentiment, p_neg, p_pos, late)
    SELECT %(run)s, %(size)s, window_start, entity_id, coalesce(topic, 'all'), coalesce(source_class, 'all'),
           count(*),
           count(DISTINCT coalesce(story_id, document_id)),
           count(DISTINCT source_key),
           count(*) FILTER (WHERE sentiment_class = 'negative'),
           count(*) FILTER (WHERE sentiment_class = 'neutral'),
           count(*) FILTER (WHERE sentiment_class = 'positive'),
           count(DISTINCT coalesce(story_id, document_id)) FILTER (WHERE sentiment_class = 'negative'),
           round((count(*) FILTER (WHERE sentiment_class = 'positive')
                - count(*) FILTER (WHERE sentiment_class = 'negative'))::numeric / count(*), 6),
           round((count(*) FILTER (WHERE sentiment_class = 'negative'))::numeric / count(*), 6),
           coalesce(round(sum(confidence * (p_pos - p_neg)) / nullif(sum(confidence), 0), 6), 0),
           round(sum(p_neg) / count(*), 6),
           round(sum(p_pos) / count(*), 6),
           count(*) FILTER (WHERE known_pane > window_start + %(width)s::interval)
    FROM bound
    WHERE window_start = ANY(%(starts)s)
    GROUP BY GROUPING SETS ((window_start, entity_id, topic, source_class), (window_start, entity_id, topic),
                            (window_start, entity_id, source_class), (window_start, entity_id))
"""
DIGEST = """
    SELECT window_start, source_class, md5(string_agg(
        concat_ws('|', entity_id, topic, buzz, stories, sources, negatives, neutrals, positives, negative_stories,
                  net_sentiment, negative_share, conf_weighted_sentiment, p_neg, p_pos, late), E'\\n'
        ORDER BY entity_id COLLATE "C", topic COLLATE "C"))
    FROM core.window_agg WHERE run_id = %(run)s AND window_size = %(size)s AND window_start = ANY(%(starts)s)
    GROUP BY window_start, source_class
"""
STATUS = """
    INSERT INTO core.window_status (run_id, window_size, source_class, window_start, status, known_at)
    SELECT %(run)s, %(size)s, class, start, 'complete', known
    FROM unnest(%(starts)s::timestamptz[], %(known)s::timestamptz[]) AS w (start, known)
         CROSS JOIN unnest(ARRAY['all', 'news', 'social']) AS class
    ON CONFLICT DO NOTHING
"""


class Folding(Statements):
    """The writing half of windows."""

    async def fold(self, size: str, groups: Sequence[Sequence[datetime]]) -> None:
        width = WINDOW_SIZES[size]
        for starts in groups:
            await self._execute(
                "DELETE FROM core.window_agg WHERE run_id = %(run)s AND window_size = %(size)s"
                " AND window_start = ANY(%(starts)s)",
                size=size, starts=list(starts),
            )  # fmt: skip
            await self._execute(
                FOLD, size=size, width=width, origin=EPOCH + offset_of(size, self._day_cut),
                low=starts[0], high=starts[-1] + width, starts=list(starts),
            )  # fmt: skip

    async def digests(self, size: str, starts: Sequence[datetime]) -> dict[tuple[datetime, str], str]:
        rows = await self._fetch(DIGEST, size=size, starts=list(starts))
        return {(row[0], row[1]): row[2] for row in rows}

    async def bump_revisions(self, size: str, windows: Sequence[tuple[datetime, str]]) -> None:
        await self._execute(
            "UPDATE core.window_status s SET revision = s.revision + 1"
            " FROM unnest(%(starts)s::timestamptz[], %(classes)s::text[]) AS w (start, class)"
            " WHERE s.run_id = %(run)s AND s.window_size = %(size)s AND s.window_start = w.start"
            " AND s.source_class = w.class",
            size=size, starts=[start for start, _ in windows], classes=[name for _, name in windows],
        )  # fmt: skip

    async def save_statuses(self, size: str, windows: Sequence[tuple[datetime, datetime]]) -> None:
        if windows:
            await self._execute(
                STATUS,
                size=size,
                starts=[start for start, _ in windows],
                known=[known for _, known in windows],
            )
