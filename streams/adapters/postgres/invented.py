"""Mentions made up inside the database, for a benchmark of detection: nothing to read, score or fold."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from streams.adapters.postgres.closing import PostgresClosing
from streams.settings import Settings

if TYPE_CHECKING:
    from datetime import datetime

    from psycopg import AsyncConnection

    from streams.adapters.postgres.runs import Run

ENTITIES = 100
# A day profile, hashes for randomness (the same in every run), a surge of one company on each tenth day.
MENTIONS = f"""
    INSERT INTO core.mention (run_id, event_time, document_id, entity_id, source_class, topic, target, relevance, in_title,
        method, source_key, companies, p_neg, p_neu, p_pos, sentiment_class, confidence, known_wm, known_pane,
        known_at, model_version)
    SELECT %(run)s, at, md5(day || '-' || n || '-' || entity)::uuid, entity, 'news', 'company_product_news', '', 100, true,
           'name', 'publisher:' || h %% 40, 1,
           CASE WHEN negative THEN 0.9 ELSE 0.1 END, CASE WHEN negative THEN 0.07 ELSE 0.8 END,
           CASE WHEN negative THEN 0.03 ELSE 0.1 END, CASE WHEN negative THEN 'negative' ELSE 'neutral' END,
           CASE WHEN negative THEN 0.9 ELSE 0.8 END, NULL,
           date_bin('5 minutes', at, 'epoch') + interval '5 minutes', at, 'bench'
    FROM (
        SELECT day, n, h, e.entity,
               %(start)s::timestamptz + day * interval '1 day'
                   + (12 + 6 * sin(h::float8) * cos(n::float8)) * interval '1 hour' AS at,
               h %% 5 = 0 OR (surge AND n %% 12 = 0) AS negative
        FROM generate_series(0, %(days)s - 1) AS day, generate_series(1, %(a_day)s) AS n,
             LATERAL (SELECT abs(hashtextextended(day || ':' || n, 7)) AS h) AS hashed,
             LATERAL (SELECT day %% 10 = 0 AS surge) AS s,
             LATERAL (VALUES ('MARKET'), ('us.bench-' || CASE WHEN surge AND n %% 12 = 0 THEN day %% {ENTITIES}
                                                               ELSE h / 5 %% {ENTITIES} END)) AS e (entity)
    ) AS made
"""


async def invent_mentions(
    connection: AsyncConnection[Any], run: Run, start: datetime, days: int, a_day: int
) -> int:
    """Calm mentions of 100 companies with a surge now and then; how many there are, those without a company included."""
    cursor = await connection.execute(
        MENTIONS, {"run": run.run_id, "start": start, "days": days, "a_day": a_day}
    )
    await PostgresClosing(connection, run, Settings()).count_hours(None, start + timedelta(days=days))
    return cursor.rowcount
