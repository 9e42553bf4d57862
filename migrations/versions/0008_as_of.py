"""What was known then: views of all versions, and functions that choose those of one moment.

A moment is a Kafka time: what a run that had been fed only the records known by then would show. The functions are plain SQL
over the views, so that filters on them reach the indexes and bi_reader needs no right beyond the views.

Revision ID: 0008
"""

# ruff: noqa: E501 - the views read as tables, one column a line
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

KNOWN_FROM = "Kafka time from which on this was what the tables said"
KNOWN_UNTIL = "Kafka time at which a later version took its place; null = it is current"
COMMENTS = {
    "run": "name of the run: live, or a replay",
    "entity_id": "permanent id of the entity; MARKET = no company is meant",
    "entity_symbol": "exchange symbol, current or last; empty where there is none",
    "entity_name": "display name of the entity",
    "topic": "canonical topic (bi_v1.topics), or all",
    "source_class": "news, social, or all of them",
    "event_time": "when it happened or was published (UTC instant)",
    "document_id": "the document (bi_v1.documents)",
    "alert_id": "the alert (bi_v1.alerts); unique within its run",
    "known_from": KNOWN_FROM,
    "known_until": KNOWN_UNTIL,
    "story_id": "documents that tell the same thing share it",
}
ALERT = (
    "alert_id", "rule", "entity_id", "topic", "source_class", "severity", "state", "opened_at", "resolved_at", "known_at",
    "span", "observed", "expected", "p_value", "share_observed", "share_expected", "share_p_value", "stories", "documents",
    "sources", "dedup_key", "evidence",
)  # fmt: skip
WINDOW = (
    "window_size", "window_start", "entity_id", "topic", "source_class", "buzz", "stories", "sources", "negatives", "neutrals",
    "positives", "negative_stories", "net_sentiment", "negative_share", "conf_weighted_sentiment", "p_neg", "p_pos", "late",
)  # fmt: skip
ALERT_DOCUMENT = (
    "alert_id", "rank", "document_id", "event_time", "title", "url", "source", "publisher", "language", "sentiment",
    "contribution", "story_id", "copies",
)  # fmt: skip
DOCUMENT = (
    "document_id", "event_time", "source", "source_id", "source_class", "revision", "source_time", "deleted", "title", "content",
    "language", "url", "publisher", "topic", "topic_confidence", "companies", "sentiment_version", "topic_version", "known_at",
    "content_hash",
)  # fmt: skip
VIEWS = {
    "alert_versions": (
        "alerts as they stood after each step and each new peak; the last one of each is current",
        "alert_episode", "alert_history", ALERT, {"known_at": "Kafka time at which the opening was known", "evidence": "JSON: figures, baseline and the SQL behind them"},
    ),
    "alert_document_versions": (
        "the strongest negative documents behind each peak of an alert, as they read then",
        "alert_document", "alert_document_history", ALERT_DOCUMENT, {"contribution": "probability of negative, at the peak"},
    ),
    "window_versions": (
        "closed windows in all their revisions; open ones are in bi_v1.windows only",
        "window_agg", "window_history", WINDOW, {},
    ),
}  # fmt: skip
AS_OF = {
    "alerts_as_of": ("alert_versions", "alerts as they were known at this Kafka time"),
    "alert_documents_as_of": (
        "alert_document_versions",
        "documents behind alerts as they were known at this Kafka time",
    ),
    "windows_as_of": ("window_versions", "windows that were closed at this Kafka time, as they stood then"),
}
# As in 0002, and what the excerpt says where the document is gone.
TITLE = "coalesce(nullif(d.title, ''), left(d.content, 200))"
EXCERPTED_TITLE = "coalesce(nullif(d.title, ''), left(d.content, 200), nullif(ad.title, ''))"


def upgrade() -> None:
    for name, (comment, current, history, columns, texts) in VIEWS.items():
        versions_view(name, comment, (current, history), columns, texts)
    document_versions()
    op.execute("""
        CREATE VIEW bi_v1.windows_at_close AS
        SELECT v.* FROM bi_v1.window_versions AS v JOIN core.run AS run ON run.name = v.run
        JOIN core.window_status AS s ON s.run_id = run.run_id AND s.window_size = v.window_size
             AND s.window_start = v.window_start AND s.source_class = v.source_class AND s.known_at = v.known_from
    """)
    describe(
        "windows_at_close",
        "closed windows as they stood at the Kafka time at which they closed",
        ("run", *WINDOW, "entity_symbol", "entity_name", "known_from", "known_until"),
        {},
        of="window_agg",
    )
    for name, (view, comment) in AS_OF.items():
        op.execute(f"""
            CREATE FUNCTION bi_v1.{name}(at timestamptz) RETURNS SETOF bi_v1.{view} LANGUAGE sql STABLE AS $$
                SELECT * FROM bi_v1.{view} WHERE known_from <= at AND (known_until IS NULL OR known_until > at)
            $$
        """)
        op.execute(f"COMMENT ON FUNCTION bi_v1.{name}(timestamptz) IS '{comment}'")
    replace_alert_documents(EXCERPTED_TITLE, "coalesce(d.{name}, ad.{name})")
    op.execute("""
        DO $$ BEGIN
            IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'bi_reader') THEN
                GRANT SELECT ON ALL TABLES IN SCHEMA bi_v1 TO bi_reader;
            END IF;
        END $$
    """)


def versions_view(
    name: str, comment: str, tables: tuple[str, str], columns: tuple[str, ...], texts: dict[str, str]
) -> None:
    with_entity = "entity_id" in columns
    listed = ", ".join(columns)
    entity = (
        ", coalesce(entity.symbol, '') AS entity_symbol, coalesce(entity.name, '') AS entity_name"
        if with_entity
        else ""
    )
    join = " LEFT JOIN core.entity AS entity USING (entity_id)" if with_entity else ""
    chosen = ", ".join(f"v.{column}" for column in columns)
    op.execute(f"""
        CREATE VIEW bi_v1.{name} AS
        SELECT run.name AS run, {chosen}{entity}, v.known_from, v.known_until
        FROM (
            SELECT run_id, {listed}, known_from, NULL::timestamptz AS known_until FROM core.{tables[0]} WHERE known_from IS NOT NULL
            UNION ALL
            SELECT run_id, {listed}, known_from, known_until FROM core.{tables[1]}
        ) AS v JOIN core.run AS run USING (run_id){join}
    """)
    shown = (
        "run",
        *columns,
        *(("entity_symbol", "entity_name") if with_entity else ()),
        "known_from",
        "known_until",
    )
    describe(name, comment, shown, texts, of=tables[0])


def document_versions() -> None:
    listed = ", ".join(DOCUMENT)
    op.execute(f"""
        CREATE VIEW bi_v1.document_versions AS
        SELECT run.name AS run, {listed}
        FROM (SELECT run_id, {listed} FROM core.document UNION ALL SELECT run_id, {listed} FROM core.document_history) AS v
             JOIN core.run AS run USING (run_id)
    """)
    describe(
        "document_versions",
        "documents in all their versions, withdrawals included",
        ("run", *DOCUMENT),
        {},
        of="document",
    )
    op.execute("""
        CREATE FUNCTION bi_v1.documents_as_of(at timestamptz) RETURNS SETOF bi_v1.document_versions LANGUAGE sql STABLE AS $$
            SELECT * FROM (
                SELECT DISTINCT ON (run, document_id) * FROM bi_v1.document_versions WHERE known_at <= at
                ORDER BY run, document_id, revision DESC, source_time DESC, content_hash DESC
            ) AS current WHERE NOT deleted
        $$
    """)
    op.execute(
        "COMMENT ON FUNCTION bi_v1.documents_as_of(timestamptz) IS 'documents, withdrawn ones left out, as they were known at this Kafka time'"
    )


def describe(name: str, comment: str, columns: tuple[str, ...], texts: dict[str, str], *, of: str) -> None:
    op.execute(f"COMMENT ON VIEW bi_v1.{name} IS '{comment}'")
    for column in columns:
        text = texts.get(column) or COMMENTS.get(column)
        if text is not None:
            op.execute(f"COMMENT ON COLUMN bi_v1.{name}.{column} IS '{text}'")
            continue
        op.execute(f"""
            DO $$ BEGIN
                EXECUTE format('COMMENT ON COLUMN bi_v1.{name}.{column} IS %L', (
                    SELECT col_description('core.{of}'::regclass, attnum) FROM pg_attribute
                    WHERE attrelid = 'core.{of}'::regclass AND attname = '{column}'));
            END $$
        """)


def replace_alert_documents(title: str, column: str) -> None:
    """The view with the same columns and other expressions for what is of the document."""
    shown = {name: column.format(name=name) for name in ("url", "source", "publisher", "language")}
    op.execute(f"""
        CREATE OR REPLACE VIEW bi_v1.alert_documents AS
        SELECT run.name AS run, ad.alert_id, ad.rank, ad.document_id, ad.event_time, {title} AS title,
               {", ".join(f"{expression} AS {name}" for name, expression in shown.items())},
               m.sentiment_class AS sentiment, ad.contribution AS p_neg, ad.story_id, ad.copies
        FROM core.alert_document AS ad JOIN core.run AS run USING (run_id)
             LEFT JOIN core.document AS d ON d.run_id = ad.run_id AND d.document_id = ad.document_id
             LEFT JOIN core.alert_episode AS a ON a.run_id = ad.run_id AND a.alert_id = ad.alert_id
             LEFT JOIN core.mention AS m ON m.run_id = ad.run_id AND m.event_time = d.event_time
                  AND m.document_id = d.document_id AND m.entity_id = a.entity_id
    """)


def downgrade() -> None:
    replace_alert_documents(TITLE, "d.{name}")
    op.execute("DROP FUNCTION bi_v1.documents_as_of(timestamptz)")
    for name in AS_OF:
        op.execute(f"DROP FUNCTION bi_v1.{name}(timestamptz)")
    for view in ("windows_at_close", *VIEWS, "document_versions"):
        op.execute(f"DROP VIEW bi_v1.{view}")
