"""Reading alerts for people: the list, and the dossier with which one alert proves itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg.rows import dict_row

from streams.adapters.postgres.results import run_id_of
from streams.errors import Misconfigured

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from streams.adapters.postgres.connection import Database

LIST = """
    SELECT alert_id, run, rule, entity_id, entity_symbol, entity_name, topic, source_class, severity, state, opened_at,
           last_at, resolved_at, known_at, span, observed, expected, p_value, share_observed, share_expected,
           share_p_value, stories, documents, sources
    FROM bi_v1.alerts
"""
# As of an earlier moment an alert has no end of its last pane yet.
LIST_AS_OF = LIST.replace("last_at, ", "").replace("FROM bi_v1.alerts", "FROM bi_v1.alerts_as_of(%(as_of)s)")
REPORTED = "opened_at >= coalesce((SELECT since FROM bi_v1.runs WHERE run = %(run)s), '-infinity')"
DOCUMENTS = """
    SELECT rank, event_time, title, url, source, publisher, sentiment, p_neg, copies, document_id::text AS document_id
    FROM bi_v1.alert_documents WHERE run = %(run)s AND alert_id = %(alert)s ORDER BY rank
"""
EVENTS = """
    SELECT at, kind, severity, known_at, detail
    FROM bi_v1.alert_events WHERE run = %(run)s AND alert_id = %(alert)s ORDER BY at, kind
"""


async def list_alerts(database: Database, run: str, as_of: datetime | None = None) -> list[dict[str, Any]]:
    """Alerts of a run, oldest first; with ``as_of`` as they were known at that Kafka time. Those of its warm-up are left out.

    Raises:
        Misconfigured: there is no such run; the live one may not have started yet.
    """
    statement = LIST if as_of is None else LIST_AS_OF
    found = await _fetch(
        database,
        f"{statement} WHERE run = %(run)s AND {REPORTED} ORDER BY opened_at, alert_id",
        {"run": run, "as_of": as_of},
    )
    if not found and run != "live":
        async with database.transaction() as connection:
            await run_id_of(connection, run)
    return found


async def dossier(database: Database, run: str, alert: str) -> dict[str, Any]:
    """One alert with its evidence, history and documents; ``alert`` may be the beginning of its id.

    Raises:
        Misconfigured: no alert of the run, or more than one, begins so.
    """
    found = await _fetch(
        database,
        LIST.replace("FROM bi_v1", ", evidence, derivation FROM bi_v1")
        + " WHERE run = %(run)s AND starts_with(alert_id, %(alert)s)",
        {"run": run, "alert": alert},
    )
    if len(found) != 1:
        many = "several alerts begin" if found else "no alert begins"
        raise Misconfigured(f"{many} with {alert} in run {run}: see `sentiwatch alerts list --run {run}`")
    values = {"run": run, "alert": found[0]["alert_id"]}
    return {
        **found[0],
        "history": await _fetch(database, EVENTS, values),
        "top_documents": await _fetch(database, DOCUMENTS, values),
    }


async def _fetch(database: Database, statement: str, values: Mapping[str, Any]) -> list[dict[str, Any]]:
    async with database.transaction() as connection, connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(statement, values)
        return await cursor.fetchall()
