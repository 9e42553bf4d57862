"""Alert rows: episodes read back and written, their documents, their history and their messages."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from psycopg.types.json import Jsonb

from streams.adapters.postgres.statements import Statements
from streams.domain.closing import AlertChange, AlertFacts, AlertVersion
from streams.domain.detector import Verdict
from streams.domain.entity import MARKET
from streams.domain.episode import Episode, Severity, State
from streams.domain.surge import RULE, Cell

if TYPE_CHECKING:
    from collections.abc import Mapping

    from streams.domain.episode import Event

ALERTS_TOPIC = "alerts.v1"
TOP_DOCUMENTS = 20
# As of a pane end: what its detection read, late and later versions left out.
NEGATIVES = f"""
    FROM core.mention_known
    WHERE run_id = %(rows)s AND entity_id = %(entity)s AND event_time >= %(start)s AND event_time < %(at)s
      AND known_pane <= %(at)s AND (superseded_pane IS NULL OR superseded_pane > %(at)s)
      AND (entity_id <> '{MARKET}' OR (companies = 0 AND topic = %(topic)s)) AND sentiment_class = 'negative'
"""
BASELINE = timedelta(days=28)
# Of everything the figures rest on: more than one version makes observed and expected hard to compare.
VERSIONS = """
    SELECT DISTINCT model_version FROM core.mention_known
    WHERE run_id = %(rows)s AND entity_id = %(entity)s AND event_time >= %(since)s AND event_time < %(at)s
      AND known_pane <= %(at)s AND (superseded_pane IS NULL OR superseded_pane > %(at)s)
    ORDER BY 1
"""
EPISODE = (
    "entity_id, topic, source_class, alert_id, state, severity, opened_at, last_at, resolved_at, span, observed, expected,"
    " p_value, stories, share_observed, share_expected, share_p_value, documents, sources"
)
SAVE = f"""
    INSERT INTO core.alert_episode (run_id, dedup_key, rule, known_at, known_from, evidence, {EPISODE})
    VALUES (%(run)s, %(dedup_key)s, %(rule)s, %(known)s, %(known)s, %(evidence)s, %(entity_id)s, %(topic)s, %(source_class)s,
            %(alert_id)s, %(state)s, %(severity)s, %(opened_at)s, %(last_at)s, %(resolved_at)s, %(span)s, %(observed)s,
            %(expected)s, %(p_value)s, %(stories)s, %(share_observed)s, %(share_expected)s, %(share_p_value)s,
            %(documents)s, %(sources)s)
    ON CONFLICT (run_id, alert_id) DO UPDATE SET
        known_from = excluded.known_from,
        state = excluded.state, severity = excluded.severity, last_at = excluded.last_at, resolved_at = excluded.resolved_at,
        observed = excluded.observed, expected = excluded.expected, p_value = excluded.p_value, stories = excluded.stories,
        share_observed = excluded.share_observed, share_expected = excluded.share_expected,
        share_p_value = excluded.share_p_value, documents = excluded.documents, sources = excluded.sources,
        evidence = alert_episode.evidence || excluded.evidence
"""
ARCHIVE_ALERT = f"""
    INSERT INTO core.alert_history (run_id, dedup_key, rule, known_at, evidence, {EPISODE}, known_from, known_until)
    SELECT run_id, dedup_key, rule, known_at, evidence, {EPISODE.replace("last_at", "%(held)s")}, known_from, %(known)s
    FROM core.alert_episode
    WHERE run_id = %(run)s AND alert_id = %(alert_id)s AND known_from < %(known)s ON CONFLICT DO NOTHING
"""
DOCUMENT = (
    "alert_id, rank, document_id, event_time, story_id, copies, contribution, title, url, source, publisher, language,"
    " sentiment, known_from"
)
ARCHIVE_DOCUMENTS = f"""
    INSERT INTO core.alert_document_history (run_id, {DOCUMENT}, known_until)
    SELECT run_id, {DOCUMENT}, %(known)s FROM core.alert_document
    WHERE run_id = %(run)s AND alert_id = %(alert_id)s AND known_from < %(known)s ON CONFLICT DO NOTHING
"""
# The excerpt is of the version that was read: the alert can be shown after its documents have gone.
DOCUMENTS = f"""
    INSERT INTO core.alert_document (run_id, {DOCUMENT})
    SELECT %(run)s, %(alert_id)s, rank, s.document_id, s.event_time, story, copies, p_neg,
           coalesce(nullif(d.title, ''), left(d.content, 200), ''), coalesce(d.url, ''), coalesce(d.source, ''),
           coalesce(d.publisher, ''), coalesce(d.language, ''), 'negative', %(known)s
    FROM (
    SELECT row_number() OVER (ORDER BY p_neg DESC, event_time, document_id) AS rank, document_id, event_time, story, copies,
           p_neg
    FROM (
        SELECT DISTINCT ON (story) story, document_id, event_time, p_neg, count(*) OVER (PARTITION BY story) AS copies
        FROM (SELECT coalesce(story_id, document_id) AS story, document_id, event_time, p_neg {NEGATIVES}) AS negative
        ORDER BY story, p_neg DESC, event_time, document_id
    ) AS strongest
    ORDER BY p_neg DESC, event_time, document_id LIMIT {TOP_DOCUMENTS}
    ) AS s LEFT JOIN LATERAL (
        SELECT title, content, url, source, publisher, language FROM core.document c
        WHERE c.run_id = %(rows)s AND c.event_time = s.event_time AND c.document_id = s.document_id
          AND c.known_pane <= %(at)s
        UNION ALL
        SELECT title, content, url, source, publisher, language FROM core.document_history h
        WHERE h.run_id = %(rows)s AND h.event_time = s.event_time AND h.document_id = s.document_id
          AND h.known_pane <= %(at)s AND h.superseded_pane > %(at)s
        LIMIT 1
    ) AS d ON true
"""


class Surges(Statements):
    """Reads and writes alerts within the closer's transaction."""

    async def latest_episodes(self, since: datetime) -> list[Episode]:
        rows = await self._fetch(
            f"SELECT DISTINCT ON (dedup_key) {EPISODE}, evidence ->> 'peak_at', evidence ->> 'since'"
            " FROM core.alert_episode WHERE run_id = %(run)s AND (state = 'firing' OR last_at > %(since)s)"
            " ORDER BY dedup_key, opened_at DESC",
            since=since,
        )
        return [_episode(row) for row in rows]

    async def facts(self, episode: Episode) -> AlertFacts:
        cell, at = episode.cell, episode.peak_at
        start = episode.start(at)
        values = {"entity": cell.entity_id, "topic": cell.topic, "start": start, "at": at}
        story = "count(DISTINCT coalesce(story_id, document_id))"
        topics = await self._fetch(
            f"SELECT topic, {story} {NEGATIVES} GROUP BY 1 ORDER BY 2 DESC, 1", **values
        )
        sources = await self._fetch(
            f"SELECT source_class, count(DISTINCT source_key) {NEGATIVES} GROUP BY 1 ORDER BY 1", **values
        )
        versions = await self._fetch(VERSIONS, **values, since=at - BASELINE)
        return AlertFacts(
            topics={row[0]: row[1] for row in topics},
            sources={row[0]: row[1] for row in sources},
            model_versions=tuple(row[0] for row in versions),
            sql=self._derivation(cell, start, at),
        )

    @staticmethod
    def _derivation(cell: Cell, start: datetime, at: datetime) -> str:
        """The statement that gives `observed` again; ids, topics and times are of our own vocabulary.

        `{run}` stands for the run's name, since equal input makes equal rows in every run.
        """
        only = f" AND companies = 0 AND topic = {_quoted(cell.topic)}" if cell.is_market else ""
        return (
            "SELECT count(DISTINCT coalesce(story_id, document_id)) FROM core.mention_known"
            " WHERE run_id = (SELECT run_id FROM core.run WHERE name = {run})"
            f" AND entity_id = {_quoted(cell.entity_id)}{only}"
            f" AND sentiment_class = 'negative' AND event_time >= '{start.isoformat()}' AND event_time < '{at.isoformat()}'"
            f" AND known_pane <= '{at.isoformat()}'"
            f" AND (superseded_pane IS NULL OR superseded_pane > '{at.isoformat()}')"
        )

    async def save_alert(
        self, change: AlertChange, known_at: Mapping[datetime, datetime], *, notify: bool
    ) -> None:
        for version in change.versions:
            await self._save_version(version, known_at[version.at])
            for event in version.events:
                await self._note(event, known_at[version.at])
                if notify:
                    await self._notify(version.episode, event, known_at[version.at])
        await self._execute(
            "UPDATE core.alert_episode SET last_at = %(last_at)s WHERE run_id = %(run)s AND alert_id = %(alert_id)s"
            " AND last_at <> %(last_at)s",
            last_at=change.episode.last_at, alert_id=change.episode.alert_id,
        )  # fmt: skip

    async def _save_version(self, version: AlertVersion, known: datetime) -> None:
        """The version is current from ``known`` on; what it replaces moves to the history."""
        episode = version.episode
        identity = episode.alert_id
        await self._execute(ARCHIVE_ALERT, alert_id=identity, known=known, held=version.held_until)
        await self._execute(SAVE, **_columns(episode), known=known, evidence=Jsonb(version.evidence or {}))
        if version.evidence is None:
            return
        await self._execute(ARCHIVE_DOCUMENTS, alert_id=identity, known=known)
        await self._execute(
            "DELETE FROM core.alert_document WHERE run_id = %(run)s AND alert_id = %(alert_id)s",
            alert_id=identity,
        )
        await self._execute(
            DOCUMENTS, alert_id=identity, entity=episode.cell.entity_id, topic=episode.cell.topic,
            start=episode.start(episode.peak_at), at=episode.peak_at, known=known,
        )  # fmt: skip

    async def _note(self, event: Event, known_at: datetime) -> None:
        await self._execute(
            "INSERT INTO core.alert_event (run_id, alert_id, at, kind, detail)"
            " VALUES (%(run)s, %(alert_id)s, %(at)s, %(kind)s, %(detail)s) ON CONFLICT DO NOTHING",
            alert_id=event.alert_id, at=event.at, kind=event.kind.value,
            detail=Jsonb({"severity": event.severity.value, "known_at": known_at.isoformat(), **_figures(event.verdict)}),
        )  # fmt: skip

    async def _notify(self, episode: Episode, event: Event, known_at: datetime) -> None:
        cell = episode.cell
        message = {
            "version": "alert.v1", "event": event.kind.value, "run": self._run.name, "dedup_key": cell.dedup_key,
            "alert_id": episode.alert_id, "rule": RULE, "entity_id": cell.entity_id, "topic": cell.topic,
            "source_class": cell.source_class, "severity": event.severity.value, "at": event.at.isoformat(),
            "opened_at": episode.opened_at.isoformat(), "known_at": known_at.isoformat(), **_figures(event.verdict),
        }  # fmt: skip
        await self._execute(
            "INSERT INTO core.outbox (run_id, topic, record_key, record_value)"
            " VALUES (%(run)s, %(topic)s, %(key)s, %(value)s)",
            topic=ALERTS_TOPIC, key=cell.dedup_key.encode(), value=json.dumps(message).encode(),
        )  # fmt: skip


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _figures(verdict: Verdict) -> dict[str, Any]:
    return {
        "span": verdict.span, "observed": verdict.observed, "expected": verdict.expected, "p_value": verdict.p_value,
        "stories": verdict.stories, "share_observed": verdict.share_observed, "share_expected": verdict.share_expected,
        "share_p_value": verdict.share_p_value, "documents": verdict.documents, "sources": verdict.sources,
    }  # fmt: skip


def _columns(episode: Episode) -> dict[str, Any]:
    cell = episode.cell
    return {
        "dedup_key": cell.dedup_key, "rule": RULE, "entity_id": cell.entity_id, "topic": cell.topic,
        "source_class": cell.source_class, "alert_id": episode.alert_id, "state": episode.state.value,
        "severity": episode.severity.value, "opened_at": episode.opened_at, "last_at": episode.last_at,
        "resolved_at": episode.resolved_at, **_figures(episode.peak),
    }  # fmt: skip


def _episode(row: tuple[Any, ...]) -> Episode:
    cell, identity, state, severity = Cell(row[0], row[1], row[2]), row[3], State(row[4]), Severity(row[5])
    peak_at, since = datetime.fromisoformat(row[19]), datetime.fromisoformat(row[20]) if row[20] else None
    return Episode(
        cell, identity, state, severity, row[6], row[7], row[8], Verdict(*row[9:19]), peak_at, since
    )
