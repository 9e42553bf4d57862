# ruff: noqa: S608, ISC004 - statements of our own over our own names
"""What a run has stored, in the shape of `tests.chaos.fold.Expected`, and the differences between the two."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

from tests.chaos.fold import Expected

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from psycopg import Connection

ROW = (
    "event_time, deleted, title, content, publisher, topic, companies::int, known_wm, known_pane, kafka_topic, kafka_partition,"
    " kafka_offset::int, ingest_time"
)
# How many columns of each query are the key of its row; the rest is its content.
QUERIES = {
    "documents": (2, f"SELECT source, source_id, revision, source_time, {ROW} FROM core.document d"),
    "superseded": (
        4,
        f"SELECT source, source_id, revision, source_time, {ROW}, superseded_pane FROM core.document_history d",
    ),
    "mentions": (
        3,
        "SELECT d.source, d.source_id, m.entity_id, m.p_neg, m.p_neu, m.p_pos, m.sentiment_class, m.known_pane"
        " FROM core.mention m LEFT JOIN core.document_key d USING (run_id, document_id)",
    ),
    "windows": (
        5,
        "SELECT window_size, window_start, entity_id, topic, source_class, buzz, stories, sources, negatives, neutrals,"
        " positives, negative_stories, net_sentiment, negative_share, conf_weighted_sentiment, p_neg, p_pos, late"
        " FROM core.window_agg d",
    ),
    "dead_letters": (
        3,
        "SELECT kafka_topic, kafka_partition, kafka_offset::int, reason FROM core.dead_letter d",
    ),
    "progress": (
        2,
        "SELECT kafka_topic, kafka_partition, next_offset::int FROM core.source_progress d",
    ),
}
SINGLE = ("dead_letters", "progress")
LOST_MATTERS = ("documents", "superseded", "mentions", "dead_letters")
SHOWN = 3


@dataclass(slots=True)
class Differences:
    """Where the tables are not what the ledger says."""

    lost: int = 0
    """Rows of documents, versions, mentions and dead letters that are not there."""
    doubled: int = 0
    """Rows that nothing in the ledger explains, or that are there twice."""
    told: list[str] = field(default_factory=list)
    """One line for each kind of difference, with the first few rows."""

    def note(self, table: str, what: str, keys: Iterable[Any]) -> int:
        found = sorted(keys, key=repr)
        if found:
            self.told.append(f"{table}: {len(found)} {what}, e.g. {found[:SHOWN]!r}")
        return len(found)


def stored_rows(connection: Connection[Any], run: str) -> dict[str, list[tuple[Any, Any]]]:
    """Key and content of every row, by table; a row that is there twice is listed twice."""
    found = {}
    for table, (width, query) in QUERIES.items():
        where = query + " WHERE run_id = (SELECT run_id FROM core.run WHERE name = %s)"
        rows = connection.execute(where, (run,)).fetchall()
        found[table] = [(row[:width], row[width] if table in SINGLE else row[width:]) for row in rows]
    return found


def compare(expected: Expected, found: Mapping[str, list[tuple[Any, Any]]]) -> Differences:
    """Every table against the ledger's fold."""
    differences = Differences()
    for table in (each.name for each in fields(Expected)):
        wanted, rows = getattr(expected, table), found[table]
        counted = Counter(key for key, _ in rows)
        missing = differences.note(table, "missing", wanted.keys() - counted.keys())
        extra = differences.note(table, "unexplained", counted.keys() - wanted.keys())
        extra += differences.note(table, "twice", (key for key, count in counted.items() if count > 1))
        changed = [key for key, content in rows if key in wanted and wanted[key] != content]
        if differences.note(table, "different", changed):
            key = min(changed, key=repr)
            differences.told.append(f"  expected {wanted[key]!r}\n  stored   {dict(rows)[key]!r}")
        if table in LOST_MATTERS:
            differences.lost += missing
        differences.doubled += extra
    return differences
