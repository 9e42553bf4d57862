"""What the demo reads back, in a few statements."""

from __future__ import annotations

from dataclasses import replace
from itertools import groupby
from typing import TYPE_CHECKING, Any

from streams.domain.entity import MARKET
from streams.showing.found import Alert, Evidence, Found, HourlyNegatives, Reading

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime, timedelta

    from streams.adapters.postgres.connection import Database

EVIDENCE_EACH = 5
RUN = "(SELECT run_id FROM core.run WHERE name = %(run)s)"
ALERTS = f"""
    SELECT a.alert_id, a.rule, a.entity_id, coalesce(nullif(e.symbol, ''), a.entity_id), coalesce(e.name, ''),
           a.topic, a.severity, a.state, a.opened_at, a.resolved_at, a.span, a.observed,
           a.expected, a.p_value, a.sources, a.documents
    FROM core.alert_episode a LEFT JOIN core.entity e USING (entity_id)
    WHERE a.run_id = {RUN} ORDER BY a.opened_at, a.alert_id
"""
EVIDENCE = f"""
    SELECT r.alert_id, d.event_time, d.source, r.contribution, r.copies,
           coalesce(nullif(d.title, ''), d.content)
    FROM core.alert_document r
    JOIN core.document d USING (run_id, event_time, document_id)
    WHERE run_id = {RUN} AND r.rank <= {EVIDENCE_EACH} ORDER BY r.alert_id, r.rank
"""
COUNTS = f"""
    SELECT (SELECT count(*) FROM core.document WHERE run_id = {RUN}),
           (SELECT count(*) FROM core.mention WHERE run_id = {RUN})
"""
DEAD_LETTERS = f"SELECT reason, count(*) FROM core.dead_letter WHERE run_id = {RUN} GROUP BY 1 ORDER BY 1"
# The mention of the planted entity, or MARKET's; source ids of the scenario are unique over its sources.
READING = f"""
    SELECT count(*), count(DISTINCT coalesce(m.story_id, m.document_id)),
           count(*) FILTER (WHERE m.sentiment_class = 'negative'),
           count(*) FILTER (WHERE m.sentiment_class = 'positive')
    FROM core.document d
    JOIN core.mention m USING (run_id, event_time, document_id)
    LEFT JOIN core.entity e ON e.entity_id = m.entity_id
    WHERE run_id = {RUN} AND d.source_id = ANY(%(ids)s)
      AND (m.entity_id = %(symbol)s OR (m.entity_id <> '{MARKET}' AND e.symbol = %(symbol)s))
"""
HOURLY = f"""
    SELECT hour, count(DISTINCT coalesce(m.story_id, m.document_id))
    FROM generate_series(%(start)s::timestamptz, %(until)s::timestamptz - interval '1 hour', '1 hour') AS hour
    LEFT JOIN core.mention m ON m.run_id = {RUN} AND m.entity_id = %(entity)s
         AND m.sentiment_class = 'negative'
         AND m.event_time >= hour AND m.event_time < hour + interval '1 hour'
         AND (m.entity_id <> '{MARKET}' OR (m.companies = 0 AND m.topic = %(topic)s))
    GROUP BY hour ORDER BY hour
"""


class Showcase:
    """Reads one run."""

    def __init__(self, database: Database, run: str) -> None:
        self._database = database
        self._run = run

    async def found(self, planted: Sequence[tuple[str, Collection[str]]]) -> Found:
        """Alerts, dead letters and counts; a reading for each planted (symbol or MARKET, source ids)."""
        evidence = {
            alert_id: tuple(_evidence(row) for row in rows)
            for alert_id, rows in groupby(await self._fetch(EVIDENCE), key=lambda row: row[0])
        }
        rows = await self._fetch(ALERTS)
        alerts = [replace(Alert(*row), evidence=evidence.get(row[0], ())) for row in rows]
        dead_letters = dict(await self._fetch(DEAD_LETTERS))
        readings = [
            Reading(*(await self._fetch(READING, symbol=symbol, ids=list(ids)))[0]) for symbol, ids in planted
        ]
        documents, mentions = (await self._fetch(COUNTS))[0]
        return Found(tuple(alerts), dead_letters, tuple(readings), documents, mentions)

    async def hourly_negatives(self, alert: Alert, before: timedelta, after: timedelta) -> HourlyNegatives:
        """The alert's cell, by full hours around its opening."""
        hour = alert.opened_at.replace(minute=0, second=0, microsecond=0)
        rows = await self._fetch(
            HOURLY, entity=alert.entity_id, topic=alert.topic, start=hour - before, until=hour + after
        )
        return HourlyNegatives(alert, tuple(row[0] for row in rows), tuple(row[1] for row in rows))

    async def strangers(self, ours: Collection[str]) -> int:
        """Sources in the database that are not among ``ours``; 0 where no schema is yet."""
        if (await self._fetch("SELECT to_regclass('core.source')"))[0][0] is None:
            return 0
        statement = "SELECT count(*) FROM core.source WHERE source <> ALL(%(ours)s)"
        rows = await self._fetch(statement, ours=list(ours))
        return int(rows[0][0])

    async def _fetch(self, statement: str, **values: object) -> list[tuple[Any, ...]]:
        async with self._database.transaction() as connection:
            cursor = await connection.execute(statement, {"run": self._run, **values})
            return await cursor.fetchall()


def _evidence(row: tuple[str, datetime, str, Any, int, str]) -> Evidence:
    _, at, source, p_neg, copies, headline = row
    return Evidence(at, source, float(p_neg), copies, headline)
