"""What a backtest reads of a run: mentions and openings of alerts with the time they were known, and listings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from streams.adapters.postgres.results import rows_id_of, run_id_of
from streams.backtest.signal import Opening, Spoken
from streams.backtest.universe import Listing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streams.adapters.postgres.connection import Database

# A row is known when the pane that first reads it was known to be complete, in Kafka time, and not before it was sent.
KNOWN = """
    greatest({column}, (SELECT s.known_at FROM core.window_status s WHERE s.run_id = m.run_id AND s.window_size = '5m'
                        AND s.source_class = 'all' AND s.window_start = {column} - interval '5 minutes'))
"""
SPOKEN = f"""
    SELECT entity_id, document_id, coalesce(story_id, document_id), (p_pos - p_neg)::float8,
           greatest(ingest_time, {KNOWN.format(column="known_pane")}),
           {KNOWN.format(column="nullif(superseded_pane, 'infinity')")}
    FROM (
        SELECT m.run_id, m.entity_id, m.document_id, m.story_id, m.p_pos, m.p_neg, m.known_pane,
               NULL::timestamptz AS superseded_pane, d.ingest_time
        FROM core.mention m JOIN core.document d USING (run_id, event_time, document_id)
        WHERE m.run_id = %(run)s AND m.entity_id = ANY(%(entities)s)
        UNION ALL
        SELECT m.run_id, m.entity_id, m.document_id, m.story_id, m.p_pos, m.p_neg, m.known_pane, m.superseded_pane,
               d.ingest_time
        FROM core.mention_history m
        JOIN core.document_history d USING (run_id, document_id, revision, source_time, content_hash)
        WHERE m.run_id = %(run)s AND m.entity_id = ANY(%(entities)s) AND m.superseded_pane > m.known_pane
    ) AS m
    ORDER BY 1, 2, 5
"""
OPENINGS = """
    SELECT a.alert_id, a.entity_id, e.detail ->> 'severity', e.at, (e.detail ->> 'known_at')::timestamptz
    FROM core.alert_event e JOIN core.alert_episode a USING (run_id, alert_id) JOIN core.run r USING (run_id)
    WHERE e.run_id = %(run)s AND e.kind = 'opened' AND (r.since IS NULL OR e.at >= r.since) ORDER BY e.at, a.alert_id
"""
# A ticker beside the primary one may be listed elsewhere (PTR in New York is PetroChina): its exchange is not known.
LISTINGS = """
    SELECT e.entity_id, a.alias, CASE WHEN a.alias = e.symbol THEN e.exchange ELSE '' END, a.valid_from::date, a.valid_to::date
    FROM core.entity_alias a JOIN core.entity e USING (entity_id)
    WHERE a.kind IN ('ticker', 'code') AND position(':' IN a.alias) = 0
    UNION
    SELECT entity_id, symbol, exchange, NULL, NULL FROM core.entity e
    WHERE symbol <> '' AND entity_id <> 'MARKET'
      AND NOT EXISTS (SELECT FROM core.entity_alias a WHERE a.entity_id = e.entity_id AND a.alias = e.symbol)
"""


async def listings(database: Database) -> list[Listing]:
    """Tickers and codes of all entities."""
    async with database.transaction() as connection:
        rows = await (await connection.execute(LISTINGS)).fetchall()
    return [Listing(*row) for row in rows]


async def spoken(database: Database, name: str, entities: Sequence[str]) -> list[Spoken]:
    """All versions of all documents of a run about these entities."""
    async with database.transaction() as connection:
        run = await rows_id_of(connection, name)
        cursor = await connection.execute(SPOKEN, {"run": run, "entities": list(entities)})
        return [Spoken(*row) for row in await cursor.fetchall()]


async def openings(database: Database, name: str) -> list[Opening]:
    """The alerts of a run, as they opened; those of its warm-up are left out."""
    async with database.transaction() as connection:
        run = await run_id_of(connection, name)
        rows = await (await connection.execute(OPENINGS, {"run": run})).fetchall()
    return [Opening(*row) for row in rows]


async def sentiment_versions(database: Database, name: str) -> list[str]:
    """Versions of the sentiment model that scored a run."""
    async with database.transaction() as connection:
        run = await rows_id_of(connection, name)
        cursor = await connection.execute(
            "SELECT DISTINCT sentiment_version FROM core.document WHERE run_id = %s ORDER BY 1", (run,)
        )
        return [row[0] for row in await cursor.fetchall()]
