"""What detection reads: mentions as of a pane end, hourly counts, hours with documents."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from streams.adapters.postgres.statements import Statements
from streams.domain.entity import MARKET
from streams.domain.pool import HourlyCounts
from streams.domain.surge import NEVER, Row
from streams.domain.window import DAY

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime, timedelta

ROW = f"""
    entity_id, topic, (extract(epoch FROM event_time) * 1000000)::bigint, (extract(epoch FROM known_pane) * 1000000)::bigint,
    coalesce((extract(epoch FROM nullif(superseded_pane, 'infinity')) * 1000000)::bigint, {NEVER}),
    coalesce(story_id, document_id), source_key, sentiment_class = 'negative'
"""
TESTED = f"(entity_id <> '{MARKET}' OR companies = 0)"
"""A document about a company speaks for that company, not for its topic."""
OF_KIND = {"company": f"entity_id <> '{MARKET}'", "market": f"entity_id = '{MARKET}' AND companies = 0"}
KINDS = {"company": "entity_id", "market": "topic"}
PRESENT = "present"
DAY_END = "date_trunc('day', event_time, 'UTC') + interval '1 day'"

COUNT_HOURS = f"""
    INSERT INTO core.hour_count (run_id, kind, hour, cell, model_version, negatives, stories)
    SELECT %(run)s, %(kind)s, date_trunc('hour', event_time, 'UTC'), {{cell}}, model_version,
           count(DISTINCT coalesce(story_id, document_id)) FILTER (WHERE sentiment_class = 'negative'),
           count(DISTINCT coalesce(story_id, document_id))
    FROM core.mention_known
    WHERE run_id = %(run)s AND event_time >= %(start)s AND event_time < %(until)s AND {{kind}}
      AND known_pane <= {DAY_END} AND (superseded_pane IS NULL OR superseded_pane > {DAY_END})
    GROUP BY 3, 4, 5
    ON CONFLICT DO NOTHING
"""
PRESENT_HOURS = f"""
    INSERT INTO core.hour_count (run_id, kind, hour, cell, model_version, negatives, stories)
    SELECT DISTINCT %(run)s, '{PRESENT}', date_trunc('hour', event_time, 'UTC'), '', '', 0, 0 FROM core.mention_known
    WHERE run_id = %(run)s AND entity_id = '{MARKET}' AND event_time >= %(start)s AND event_time < %(until)s
      AND known_pane <= event_time + interval '5 minutes'
    ON CONFLICT DO NOTHING
"""


class ClosingRows(Statements):
    """The reading half of detection."""

    async def negative_rows(self, after: datetime, until: datetime, reach: timedelta) -> list[Row]:
        rows = await self._fetch(
            f"""
            WITH active AS (
                SELECT DISTINCT entity_id FROM core.mention_known
                WHERE run_id = %(rows)s AND event_time >= %(after)s AND event_time < %(until)s AND known_pane <= %(until)s
                  AND sentiment_class = 'negative' AND {TESTED})
            SELECT {ROW} FROM core.mention_known JOIN active USING (entity_id)
            WHERE run_id = %(rows)s AND event_time >= %(start)s AND event_time < %(until)s AND known_pane <= %(until)s
              AND sentiment_class = 'negative' AND {TESTED}
            ORDER BY event_time, document_id""",
            start=after - reach, after=after, until=until,
        )  # fmt: skip
        return [Row(*row) for row in rows]

    async def rows(
        self, entities: Sequence[str], topics: Sequence[str], start: datetime, until: datetime
    ) -> list[Row]:
        rows = await self._fetch(
            f"""
            SELECT {ROW} FROM core.mention_known
            WHERE run_id = %(rows)s AND entity_id = ANY(%(entities)s) AND event_time >= %(start)s AND event_time < %(until)s
              AND known_pane <= %(until)s AND {TESTED} AND (entity_id <> '{MARKET}' OR topic = ANY(%(topics)s))
            ORDER BY event_time, document_id""",
            entities=list(entities), topics=list(topics), start=start, until=until,
        )  # fmt: skip
        return [Row(*row) for row in rows]

    async def hourly_counts(self, kind: str, start: datetime, until: datetime) -> HourlyCounts:
        rows = await self._fetch(
            """
            SELECT cell, (extract(epoch FROM hour) / 3600)::int, sum(negatives), sum(stories) FROM core.hour_count
            WHERE run_id = %(rows)s AND kind = %(kind)s AND hour >= %(start)s AND hour < %(until)s
            GROUP BY 1, 2 ORDER BY 1, 2""",
            kind=kind, start=start, until=until,
        )  # fmt: skip
        codes = {name: number for number, name in enumerate(dict.fromkeys(row[0] for row in rows))}
        return HourlyCounts(
            cells=np.array([codes[row[0]] for row in rows], dtype=np.int64),
            hours=np.array([row[1] for row in rows], dtype=np.int64),
            negatives=np.array([row[2] for row in rows], dtype=np.float64),
            stories=np.array([row[3] for row in rows], dtype=np.float64),
        )

    async def count_hours(self, start: datetime | None, until: datetime) -> None:
        await self._count(start or "-infinity", until)
        await self._execute(
            "UPDATE core.run SET counted_until = %(until)s WHERE run_id = %(run)s", until=until
        )

    async def recount_hours(self, days: Sequence[datetime]) -> None:
        ((counted,),) = await self._fetch("SELECT counted_until FROM core.run WHERE run_id = %(run)s")
        for day in days:
            if counted is None or day >= counted:
                continue
            await self._execute(
                "DELETE FROM core.hour_count WHERE run_id = %(run)s AND hour >= %(start)s AND hour < %(until)s",
                start=day, until=day + DAY,
            )  # fmt: skip
            await self._count(day, day + DAY)

    async def _count(self, start: datetime | str, until: datetime) -> None:
        for kind, cell in KINDS.items():
            await self._execute(
                COUNT_HOURS.format(cell=cell, kind=OF_KIND[kind]), kind=kind, start=start, until=until
            )
        await self._execute(PRESENT_HOURS, start=start, until=until)

    async def present_hours(self, start: datetime, until: datetime) -> list[int]:
        rows = await self._fetch(
            f"""
            SELECT (extract(epoch FROM hour) / 3600)::int FROM core.hour_count
            WHERE run_id = %(rows)s AND kind = '{PRESENT}' AND hour >= %(start)s AND hour < %(until)s
            UNION
            SELECT floor(extract(epoch FROM event_time) / 3600)::int FROM core.mention_known
            WHERE run_id = %(rows)s AND entity_id = '{MARKET}' AND event_time < %(until)s AND event_time >= greatest(
                  %(start)s, (SELECT counted_until FROM core.run WHERE run_id = %(rows)s))
              AND known_pane <= event_time + interval '5 minutes'
            ORDER BY 1""",
            start=start, until=until,
        )  # fmt: skip
        return [row[0] for row in rows]
