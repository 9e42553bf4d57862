"""Views for BI tools in schema bi_v1: flat, commented, additive changes only (a break makes bi_v2).

Role bi_reader may read bi_v1 and nothing else: views run with their owner's rights, so core stays closed to it. No view
shows an author key, a handle or the payload of a dead letter.

Revision ID: 0002
"""

# ruff: noqa: E501 - the views read as tables, one column a line
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# Columns that mean the same everywhere; a triple in a view names its own.
COMMON = {
    "run": "run.name",
    "entity_symbol": "coalesce(entity.symbol, '')",
    "entity_name": "coalesce(entity.name, '')",
}
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
    "story_id": "documents that tell the same thing share it",
}
ENTITY = " LEFT JOIN core.entity AS entity USING (entity_id)"
RUN = " JOIN core.run AS run USING (run_id)"

VIEWS = {
    "alerts": (
        "one row an alert episode; figures are those of its peak, over the trailing span that spoke first",
        "core.alert_episode AS a" + RUN + ENTITY,
        (
            ("alert_id",), ("run",), ("rule", "a.rule", "what spoke; negative_surge = negative count AND negative share"),
            ("entity_id",), ("entity_symbol",), ("entity_name",), ("topic", "a.topic"), ("source_class", "a.source_class"),
            ("severity", "a.severity", "highest reached: info, warning, error or critical (p-value, ratio and sources together)"),
            ("state", "a.state", "firing, or resolved"),
            ("opened_at", "a.opened_at", "event time: end of the 5-minute pane that opened it"),
            ("last_at", "a.last_at", "event time: end of the last pane that held it open"),
            ("resolved_at", "a.resolved_at", "event time: end of the pane that resolved it; null = still open"),
            ("known_at", "a.known_at", "Kafka time at which the opening pane was known to be complete: when it could be told"),
            ("span", "a.span", "trailing span that spoke first: 1h or 24h"),
            ("observed", "a.observed", "distinct negative stories in the span, at the peak; copies of a story count once"),
            ("expected", "a.expected", "negative stories expected in that span from the entity's own history and its peers"),
            ("ratio", "round((a.observed / nullif(a.expected, 0))::numeric, 2)", "observed / expected: the size of the effect"),
            ("p_value", "a.p_value", "probability of at least so many if nothing were special (negative-binomial tail)"),
            ("share_observed", "a.share_observed", "negative share of the span's stories, at the peak"),
            ("share_expected", "a.share_expected", "negative share expected"),
            ("share_p_value", "a.share_p_value", "probability of at least that share (beta-binomial tail)"),
            ("stories", "a.stories", "all distinct stories in the span, at the peak"),
            ("documents", "a.documents", "negative documents in the span, at the peak, copies included"),
            ("sources", "a.sources", "independent sources (publishers, authors) of the negative stories"),
            ("dedup_key", "a.dedup_key", "rule|entity|topic|source class: what repeated alerts have in common"),
            ("evidence", "a.evidence", "JSON: both spans' figures, baseline, topics, sources by class, model versions, SQL"),
            ("derivation", "replace(a.evidence ->> 'sql', '{run}', quote_literal(run.name))", ("SQL (on schema core) that gives"
             " observed again")),
        ),
    ),
    "alert_documents": (
        "the strongest negative documents behind each alert, one a story, as of its peak (at most 20)",
        "core.alert_document AS ad" + RUN
        + " LEFT JOIN core.document AS d ON d.run_id = ad.run_id AND d.document_id = ad.document_id"
        + " LEFT JOIN core.alert_episode AS a ON a.run_id = ad.run_id AND a.alert_id = ad.alert_id"
        + " LEFT JOIN core.mention AS m ON m.run_id = ad.run_id AND m.event_time = d.event_time"
        + " AND m.document_id = d.document_id AND m.entity_id = a.entity_id",
        (
            ("run",), ("alert_id", "ad.alert_id"), ("rank", "ad.rank", "1 = most negative"), ("document_id", "ad.document_id"),
            ("event_time", "ad.event_time"), ("title", "coalesce(nullif(d.title, ''), left(d.content, 200))",
             "headline, or the beginning of a text without one; null when erased since"),
            ("url", "d.url", "link, empty where unknown"), ("source", "d.source", "publisher or feed as its records name it"),
            ("publisher", "d.publisher", "publisher, empty where unknown"),
            ("language", "d.language", "en, zh or other"),
            ("sentiment", "m.sentiment_class", "class now: a later version of the document may read otherwise"),
            ("p_neg", "ad.contribution", "probability of negative, at the peak"),
            ("story_id", "ad.story_id"), ("copies", "ad.copies", "negative documents of that story in the span"),
        ),
    ),
    "alert_events": (
        "append-only history of alerts: opened, escalated, resolved",
        "core.alert_event AS ae" + RUN,
        (
            ("run",), ("alert_id", "ae.alert_id"), ("at", "ae.at", "event time of the step (end of a pane)"),
            ("kind", "ae.kind", "opened, escalated or resolved"),
            ("severity", "ae.detail ->> 'severity'", "severity after the step"),
            ("known_at", "(ae.detail ->> 'known_at')::timestamptz", "Kafka time at which the step was known"),
            ("detail", "ae.detail", "JSON: figures of the step"),
        ),
    ),
    "windows": (
        "sentiment by entity, topic, source class and window; sparse: an absent row is zero where window_status has one",
        "core.window_agg AS w" + RUN + ENTITY,
        (
            ("run",), ("window_size", "w.window_size", "5m, 1h or 1d"),
            ("window_start", "w.window_start", "start of the window; it ends one size later, exclusive"),
            ("entity_id",), ("entity_symbol",), ("entity_name",), ("topic", "w.topic"), ("source_class", "w.source_class"),
            ("buzz", "w.buzz", "documents"), ("stories", "w.stories", "distinct stories"),
            ("sources", "w.sources", "independent sources"), ("negatives", "w.negatives", "documents read as negative"),
            ("neutrals", "w.neutrals", "documents read as neutral"), ("positives", "w.positives", "documents read as positive"),
            ("negative_stories", "w.negative_stories", "distinct stories with a negative document"),
            ("net_sentiment", "w.net_sentiment", "(positives - negatives) / buzz, -1 to 1"),
            ("negative_share", "w.negative_share", "negatives / buzz, 0 to 1"),
            ("conf_weighted_sentiment", "w.conf_weighted_sentiment", "sum confidence*(p_pos - p_neg) / sum confidence, -1 to 1"),
            ("p_neg", "w.p_neg", "mean probability of negative"), ("p_pos", "w.p_pos", "mean probability of positive"),
            ("late", "w.late", "documents that came too late for this window's detection; they are counted above"),
        ),
    ),
    "window_status": (
        "closed windows: an absent row in windows means zero where there is one here, unknown where there is none",
        "core.window_status AS s" + RUN,
        (
            ("run",), ("window_size", "s.window_size", "5m, 1h or 1d"), ("window_start", "s.window_start", "start of the window"),
            ("source_class", "s.source_class"), ("status", "s.status", "complete, degraded or forced"),
            ("revision", "s.revision", "0 at the close, one more each time late or revised documents changed it"),
            ("known_at", "s.known_at", "Kafka time at which it was known to be complete"),
        ),
    ),
    "documents": (
        "current versions of documents, withdrawn ones left out",
        "core.document AS d" + RUN,
        (
            ("run",), ("document_id", "d.document_id"), ("event_time", "d.event_time"),
            ("source", "d.source", "publisher or feed as its records name it"), ("source_id", "d.source_id", "id at the source"),
            ("source_class", "d.source_class"), ("revision", "d.revision", "version number stated by the source"),
            ("source_time", "d.source_time", "the source's stamp of this version"), ("title", "d.title", "headline, normalised"),
            ("content", "d.content", "body, normalised"), ("language", "d.language", "en, zh or other"),
            ("url", "d.url", "link, empty where unknown"), ("publisher", "d.publisher", "publisher, empty where unknown"),
            ("topic", "d.topic"), ("topic_confidence", "d.topic_confidence", "probability of that topic"),
            ("companies", "d.companies", "companies it names"), ("story_id", "d.story_id"),
            ("ingest_time", "d.ingest_time", "Kafka timestamp of its record"),
            ("sentiment_version", "d.sentiment_version", "model version of the sentiment"),
            ("topic_version", "d.topic_version", "model version of the topic"),
        ),
    ),
    "mentions": (
        "one row for each entity in each current document, and one (MARKET) for the document as a whole",
        "core.mention AS m" + RUN + ENTITY,
        (
            ("run",), ("document_id", "m.document_id"), ("event_time", "m.event_time"), ("entity_id",), ("entity_symbol",),
            ("entity_name",), ("source_class", "m.source_class"), ("topic", "m.topic"),
            ("relevance", "m.relevance", "0-100: how central the entity is to the document"),
            ("in_title", "m.in_title", "named in the headline"), ("method", "m.method", "how it was found: name, cashtag, code, …"),
            ("companies", "m.companies", "companies the document names"),
            ("sentiment", "m.sentiment_class", "negative, neutral or positive: the most probable"),
            ("confidence", "m.confidence", "its probability"), ("p_neg", "m.p_neg", "probability of negative"),
            ("p_neu", "m.p_neu", "probability of neutral"), ("p_pos", "m.p_pos", "probability of positive"),
            ("story_id", "m.story_id"), ("model_version", "m.model_version", "sentiment model version"),
        ),
    ),
    "dead_letters": (
        "records that could not become documents: reason and coordinates, never the content",
        "core.dead_letter AS l" + RUN,
        (
            ("run",), ("reason", "l.reason", "why, from a closed list"), ("detail", "l.detail", "which field"),
            ("kafka_topic", "l.kafka_topic", "where the record is"), ("kafka_partition", "l.kafka_partition", "where the record is"),
            ("kafka_offset", "l.kafka_offset", "where the record is"), ("payload_bytes", "l.payload_bytes", "its size"),
            ("ingest_time", "l.ingest_time", "Kafka timestamp of the record"),
        ),
    ),
    "entities": (
        "companies and other things that documents are about",
        "core.entity AS entity",
        (
            ("entity_id",), ("kind", "entity.kind", "company, etf, market, …"), ("entity_symbol",), ("entity_name",),
            ("exchange", "entity.exchange", "market identifier, empty where unlisted"),
            ("sector", "entity.sector", "sector as its source states it"),
            ("country", "entity.country", "ISO 3166 country of the listing"),
            ("valid_from", "entity.valid_from", "start of the listing, where known"),
            ("valid_to", "entity.valid_to", "end of the listing, where known"),
        ),
    ),
    "topics": (
        "the 20 canonical topics",
        "core.topic AS t",
        (
            ("topic", "t.topic"), ("title", "t.title", "title for people"), ("iptc", "t.iptc", "the IPTC Media Topic it maps to"),
        ),
    ),
}  # fmt: skip

ROLE = """
    DO $$
    BEGIN
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'bi_reader') THEN
            CREATE ROLE bi_reader NOLOGIN;
        END IF;
        ALTER ROLE bi_reader SET statement_timeout = '30s';
        ALTER ROLE bi_reader SET default_transaction_read_only = on;
    EXCEPTION WHEN insufficient_privilege THEN
        RAISE NOTICE 'bi_reader: no right to make or change the role; let an administrator set statement_timeout = 30s'
            ' and default_transaction_read_only = on';
    END $$
"""
GRANTS = """
    DO $$
    BEGIN
        IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'bi_reader') THEN
            GRANT USAGE ON SCHEMA bi_v1 TO bi_reader;
            GRANT SELECT ON ALL TABLES IN SCHEMA bi_v1 TO bi_reader;
        END IF;
    END $$
"""


def create_view(name: str, comment: str, source: str, columns: tuple[tuple[str, ...], ...]) -> None:
    chosen = [
        (column[0], column[1] if len(column) > 1 else COMMON.get(column[0], column[0])) for column in columns
    ]
    listed = ", ".join(f"{expression} AS {column}" for column, expression in chosen)
    where = " WHERE NOT d.deleted" if name == "documents" else ""
    op.execute(f"CREATE VIEW bi_v1.{name} AS SELECT {listed} FROM {source}{where}")
    op.execute(f"COMMENT ON VIEW bi_v1.{name} IS {quoted(comment)}")
    for column in columns:
        text = column[2] if len(column) > 2 else COMMENTS[column[0]]
        op.execute(f"COMMENT ON COLUMN bi_v1.{name}.{column[0]} IS {quoted(text)}")


def quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def upgrade() -> None:
    op.execute("CREATE SCHEMA bi_v1")
    op.execute(
        "COMMENT ON SCHEMA bi_v1 IS 'the contract with BI tools: read-only views, additive changes only'"
    )
    for name, (comment, source, columns) in VIEWS.items():
        create_view(name, comment, source, columns)
    op.execute(ROLE)
    op.execute(GRANTS)


def downgrade() -> None:
    """The role stays: it belongs to the cluster, and other databases may use it."""
    op.execute("DROP SCHEMA bi_v1 CASCADE")
