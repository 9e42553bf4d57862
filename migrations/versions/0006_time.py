"""What was known when: old revisions are kept beside the current rows, each with the Kafka times between which it held.

`known_at` of a row is when it could be known; [`known_from`, `known_until`) of a revision is when it was what the tables said.
`bi_v1.*_as_of(time)` read them. Also here: what judges a partition as failing, and hourly counts, from which baselines are
fitted without reading the documents again.

Revision ID: 0006
"""

# ruff: noqa: E501 - the views read as tables, one column a line
import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)
NEW_TABLES = ("window_history", "alert_history", "alert_document_history", "hour_count")
FROM, UNTIL = (
    "Kafka time from which on this was what the tables said",
    "Kafka time at which a later revision took its place",
)
# Of the story's strongest document, as it read at the peak: an alert can be shown after its documents have gone.
EXCERPT = {
    "title": "its headline, or the beginning of a text without one, as of the peak; empty when erased since",
    "url": "its link, empty where unknown",
    "source": "publisher or feed as its records name it",
    "publisher": "its publisher, empty where unknown",
    "language": "its language: en, zh or other",
    "sentiment": "its class, as of the peak",
}
KNOWN_VIEW = """
    CREATE VIEW core.mention_known AS
    SELECT run_id, event_time, document_id, entity_id, source_class, topic, source_key, companies, p_neg, sentiment_class,
           story_id, known_pane, NULL::timestamptz AS superseded_pane, model_version{more}
    FROM core.mention
    UNION ALL
    SELECT run_id, event_time, document_id, entity_id, source_class, topic, source_key, companies, p_neg, sentiment_class,
           story_id, known_pane, superseded_pane, model_version{more}
    FROM core.mention_history
"""
KNOWN_COMMENT = (
    "COMMENT ON VIEW core.mention_known IS 'mentions of all versions: a pane end E reads those with"
    " known_pane <= E < superseded_pane'"
)


def add(table: str, name: str, kind: object, comment: str, **options: object) -> None:
    options.setdefault("nullable", False)
    op.add_column(table, sa.Column(name, kind, comment=comment, **options), schema="core")


def add_known(table: str, name: str, comment: str, value: str) -> None:
    """A time that every row has; rows from before this migration get what comes closest."""
    add(table, name, TIME, comment, nullable=True)
    op.execute(f"UPDATE core.{table} AS t SET {name} = {value}")
    op.alter_column(table, name, nullable=False, schema="core")


def history_of(name: str, of: str, comment: str, key: str) -> None:
    """A table like another one, with the end of each revision."""
    op.execute(
        f"CREATE TABLE core.{name} (LIKE core.{of} INCLUDING COMMENTS, known_until timestamptz NOT NULL,"
        f" PRIMARY KEY (run_id, {key}, known_from)) PARTITION BY LIST (run_id)"
    )
    op.execute(f"COMMENT ON TABLE core.{name} IS '{comment}'")
    op.execute(f"COMMENT ON COLUMN core.{name}.known_until IS '{UNTIL}'")


def add_columns() -> None:
    add(
        "source_progress", "known_at", TIME, "largest Kafka timestamp seen so far; null = none", nullable=True
    )
    add(
        "source_progress", "rejected", sa.BigInteger, "records rejected as they were read", server_default="0"
    )
    add(
        "watermark_step",
        "next_offset",
        sa.BigInteger,
        "offset after the record that got it there",
        server_default="0",
    )
    add("watermark_step", "rejected", sa.BigInteger, "records rejected until then", server_default="0")
    add(
        "dirty_window",
        "known_pane",
        TIME,
        "pane end from which on closed windows show it; null = they do",
        nullable=True,
    )
    add(
        "run",
        "frozen_until",
        TIME,
        "documents before this were dropped, their windows stay as they are",
        nullable=True,
    )
    add("run", "counted_until", TIME, "hour_count holds every day before this midnight", nullable=True)
    known = "when it could be known: largest Kafka timestamp of its partition up to its record"
    for suffix in ("", "_history"):
        add_known(f"document{suffix}", "known_at", known, "ingest_time")
        version = (
            " AND (d.revision, d.source_time, d.content_hash) = (t.revision, t.source_time, t.content_hash)"
            if suffix
            else ""
        )
        source = (
            f"coalesce((SELECT d.ingest_time FROM core.document{suffix} d WHERE d.run_id = t.run_id"
            f" AND d.document_id = t.document_id{version} LIMIT 1), event_time)"
        )
        add_known(f"mention{suffix}", "known_at", known, source)
    add("window_agg", "known_from", TIME, f"{FROM}; null = the window is still open", nullable=True)
    op.execute(
        "UPDATE core.window_agg AS w SET known_from = s.known_at FROM core.window_status s WHERE (s.run_id, s.window_size,"
        " s.source_class, s.window_start) = (w.run_id, w.window_size, w.source_class, w.window_start)"
    )
    for table in ("alert_episode", "alert_document"):
        value = (
            "known_at"
            if table == "alert_episode"
            else "coalesce((SELECT known_at FROM core.alert_episode a WHERE a.run_id = t.run_id AND a.alert_id = t.alert_id), event_time)"
        )
        add_known(table, "known_from", FROM, value)
    for name, comment in EXCERPT.items():
        add("alert_document", name, sa.Text, comment, server_default="")
    op.execute("""
        UPDATE core.alert_document AS a SET title = coalesce(nullif(d.title, ''), left(d.content, 200)), url = d.url,
               source = d.source, publisher = d.publisher, language = d.language, sentiment = 'negative'
        FROM core.document d WHERE d.run_id = a.run_id AND d.document_id = a.document_id
    """)


def add_tables() -> None:
    history_of("window_history", "window_agg", "revisions of windows that late, revised or withdrawn documents have replaced",
               "window_size, window_start, entity_id, topic, source_class")  # fmt: skip
    history_of(
        "alert_history", "alert_episode", "alerts as they stood before their last step or peak", "alert_id"
    )
    history_of(
        "alert_document_history",
        "alert_document",
        "documents behind earlier peaks of alerts",
        "alert_id, rank",
    )
    op.create_table(
        "hour_count",
        sa.Column(
            "run_id",
            sa.Integer,
            nullable=False,
            autoincrement=False,
            comment="the run this row belongs to (core.run)",
        ),
        sa.Column(
            "kind",
            sa.Text,
            nullable=False,
            comment="company or market: distinct stories of a tested cell; present: the hour had a document on time",
        ),
        sa.Column("hour", TIME, nullable=False, comment="start of the hour"),
        sa.Column(
            "cell", sa.Text, nullable=False, comment="entity of a company cell, topic of a market cell"
        ),
        sa.Column(
            "model_version",
            sa.Text,
            nullable=False,
            comment="sentiment model version of the documents counted",
        ),
        sa.Column(
            "negatives",
            sa.Integer,
            nullable=False,
            comment="stories with a negative document, as known at the end of the UTC day",
        ),
        sa.Column(
            "stories", sa.Integer, nullable=False, comment="stories, as known at the end of the UTC day"
        ),
        sa.PrimaryKeyConstraint("run_id", "kind", "hour", "cell", "model_version"),
        schema="core",
        comment="what baselines are fitted from; written once, as the day closes",
        postgresql_partition_by="LIST (run_id)",
    )
    op.execute("""
        DO $$
        DECLARE
            run integer; parent text;
        BEGIN
            FOR run IN SELECT run_id FROM core.run LOOP
                FOREACH parent IN ARRAY ARRAY['window_history', 'alert_history', 'alert_document_history', 'hour_count'] LOOP
                    EXECUTE format('CREATE TABLE core.%I PARTITION OF core.%I FOR VALUES IN (%s)', parent || '_r' || run, parent, run);
                END LOOP;
            END LOOP;
        END $$
    """)


def upgrade() -> None:
    op.execute("DROP VIEW core.mention_known")
    add_columns()
    op.execute(KNOWN_VIEW.format(more=", p_pos, confidence, known_at"))
    op.execute(KNOWN_COMMENT)
    add_tables()


def downgrade() -> None:
    op.execute("DROP VIEW core.mention_known")
    for table in NEW_TABLES:
        op.drop_table(table, schema="core")
    for name in EXCERPT:
        op.drop_column("alert_document", name, schema="core")
    for table, *names in (
        ("alert_document", "known_from"), ("alert_episode", "known_from"), ("window_agg", "known_from"),
        ("mention", "known_at"), ("mention_history", "known_at"), ("document", "known_at"), ("document_history", "known_at"),
        ("run", "frozen_until", "counted_until"), ("dirty_window", "known_pane"), ("watermark_step", "next_offset", "rejected"),
        ("source_progress", "known_at", "rejected"),
    ):  # fmt: skip
        for name in names:
            op.drop_column(table, name, schema="core")
    op.execute(KNOWN_VIEW.format(more=""))
    op.execute(KNOWN_COMMENT)
