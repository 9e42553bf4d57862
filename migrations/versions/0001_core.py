"""The first schema: documents, mentions, scores, progress, windows, stories, alerts, outbox, dead letters.

Rows of a run live in partitions of their own (LIST on run_id), so that a run is dropped by detaching them; the live run's
documents and mentions are cut further by month. A document has one row, its current version; superseded versions move to
the *_history tables, so that detection can read what was current at a window's end.

Revision ID: 0001
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql as pg

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)
PROBABILITY = sa.Numeric(5, 4)
PARTITIONED = (
    "document_key", "document", "document_history", "mention", "mention_history", "source_progress", "watermark_step",
    "window_agg", "window_status", "story", "alert_episode", "alert_event", "alert_document", "dead_letter",
)  # fmt: skip


def column(name: str, kind: sa.types.TypeEngine | type, comment: str, **options: object) -> sa.Column:
    options.setdefault("nullable", False)
    if isinstance(kind, type) and issubclass(kind, sa.Integer):
        options.setdefault("autoincrement", False)
    return sa.Column(name, kind, comment=comment, **options)


def run_id() -> sa.Column:
    return column("run_id", sa.Integer, "the run this row belongs to (core.run)")


def table(
    name: str, comment: str, *columns: sa.Column, key: tuple[str, ...], partitioned: bool = True
) -> None:
    options = {"postgresql_partition_by": "LIST (run_id)"} if partitioned else {}
    op.create_table(name, *columns, sa.PrimaryKeyConstraint(*key), schema="core", comment=comment, **options)


def registry_tables() -> None:
    table(
        "run", "a run: live is one, each replay another; all its rows carry its run_id",
        column("run_id", sa.Integer, "surrogate key"),
        column("name", sa.Text, "unique name, e.g. live"),
        column("kind", sa.Text, "live or replay"),
        column("notify", sa.Boolean, "only runs with notify write outbox rows"),
        column("settings", pg.JSONB, "settings that shape the result, without secrets", server_default="{}"),
        column("gazetteer_version", sa.Text, "version of the entity list in use", server_default=""),
        column("closed_until", TIME, "every pane that ends here or earlier is closed", nullable=True),
        column("created_at", TIME, "database clock", server_default=sa.func.now()),
        key=("run_id",), partitioned=False,
    )  # fmt: skip
    op.execute("ALTER TABLE core.run ALTER run_id ADD GENERATED ALWAYS AS IDENTITY")
    op.execute("ALTER TABLE core.run ADD CONSTRAINT run_name_key UNIQUE (name)")
    op.execute("ALTER TABLE core.run ADD CONSTRAINT run_kind_check CHECK (kind IN ('live', 'replay'))")
    table(
        "source", "a publisher or feed as named by its records",
        column("source", sa.Text, "name as in document.v1"),
        column("source_class", sa.Text, "news or social"),
        key=("source", "source_class"), partitioned=False,
    )  # fmt: skip
    table(
        "entity", "a company or other thing that documents are about; MARKET stands for no company",
        column("entity_id", sa.Text, "permanent id of our own, e.g. us.aapl"),
        column("kind", sa.Text, "company, etf, market, …"),
        column("symbol", sa.Text, "exchange symbol, current or last"),
        column("exchange", sa.Text, "market identifier, empty where unlisted"),
        column("name", sa.Text, "display name"),
        column("sector", sa.Text, "sector as its source states it"),
        column("country", sa.Text, "ISO 3166 country of the listing"),
        column("valid_from", TIME, "start of the listing, where known", nullable=True),
        column("valid_to", TIME, "end of the listing, where known", nullable=True),
        key=("entity_id",), partitioned=False,
    )  # fmt: skip
    table(
        "entity_alias", "names, tickers and codes by which an entity is found in text",
        column("alias_id", sa.Integer, "position in the gazetteer"),
        column("entity_id", sa.Text, "the entity meant"),
        column("alias", sa.Text, "the name as written"),
        column("kind", sa.Text, "name, short, ticker, cashtag, code or former"),
        column("language", sa.Text, "en, zh or empty"),
        column("valid_from", TIME, "not resolved before", nullable=True),
        column("valid_to", TIME, "not resolved from here on", nullable=True),
        key=("alias_id",), partitioned=False,
    )  # fmt: skip
    table(
        "topic", "the 20 canonical topics",
        column("topic", sa.Text, "canonical slug"),
        column("title", sa.Text, "title in the public twitter-financial-news-topic set"),
        column("iptc", sa.Text, "the IPTC Media Topic it maps to"),
        key=("topic",), partitioned=False,
    )  # fmt: skip
    table(
        "model_version", "model versions that have scored documents here",
        column("model", sa.Text, "sentiment or topic"),
        column("version", sa.Text, "version as the model server states it"),
        column("labels", pg.ARRAY(sa.Text), "class labels in output order"),
        column("first_used_at", TIME, "database clock", server_default=sa.func.now()),
        key=("model", "version"), partitioned=False,
    )  # fmt: skip
    table(
        "score", "model outputs, shared by all runs: a text is paid for once",
        column("text_hash", pg.BYTEA, "BLAKE2b-128 of the normalised text"),
        column("target", sa.Text, "entity name the sentiment is towards; empty = the whole text"),
        column("model", sa.Text, "sentiment or topic"),
        column("model_version", sa.Text, "version that scored it"),
        column("probabilities", pg.ARRAY(sa.SmallInteger), "ten-thousandths, in the order of model_version.labels"),
        key=("text_hash", "target", "model", "model_version"), partitioned=False,
    )  # fmt: skip


def version_columns() -> list[sa.Column]:
    return [
        column("revision", sa.Integer, "revision number stated by the source"),
        column("source_time", TIME, "the source's stamp of this version"),
        column("content_hash", pg.BYTEA, "BLAKE2b-128 of the stored content; ticker hints are not content"),
    ]


def known_columns() -> list[sa.Column]:
    return [
        column(
            "known_wm",
            TIME,
            "its partition's watermark just before it; null = nothing before it",
            nullable=True,
        ),
        column(
            "known_pane", TIME, "first pane end whose detection may read it: known_wm < pane end + lateness"
        ),
    ]


def superseded_columns() -> list[sa.Column]:
    return [column("superseded_pane", TIME, "first pane end whose detection reads a later version instead")]


def document_columns() -> list[sa.Column]:
    return [
        run_id(),
        column("event_time", TIME, "when it happened or was published"),
        column("document_id", pg.UUID, "derived from source and source_id"),
        column("source", sa.Text, "publisher or feed as named by the record"),
        column("source_id", sa.Text, "id at the source"),
        column("source_class", sa.Text, "news or social"),
        *version_columns(),
        column("deleted", sa.Boolean, "withdrawn by its source: no mentions, no text"),
        column("title", sa.Text, "headline, normalised"),
        column("content", sa.Text, "body, normalised"),
        column("text_hash", pg.BYTEA, "BLAKE2b-128 of the text given to the models"),
        column("language", sa.Text, "en, zh or other"),
        column("url", sa.Text, "link, empty where unknown"),
        column("publisher", sa.Text, "publisher, empty where unknown"),
        column("source_key", sa.Text, "what counts as one independent source of it"),
        column("author_key", pg.BYTEA, "HMAC-SHA-256 of the author's handle", nullable=True),
        column("author_key_version", sa.SmallInteger, "version of the HMAC key", nullable=True),
        column("topic", sa.Text, "canonical topic"),
        column("topic_confidence", PROBABILITY, "probability of that topic"),
        column("companies", sa.SmallInteger, "companies mentioned"),
        column("signature", pg.BYTEA, "MinHash of the text"),
        column("story_id", pg.UUID, "assigned when its pane closes", nullable=True),
        *known_columns(),
        column("ingest_time", TIME, "Kafka timestamp of the record"),
        column("kafka_topic", sa.Text, "coordinates of the record"),
        column("kafka_partition", sa.Integer, "coordinates of the record"),
        column("kafka_offset", sa.BigInteger, "coordinates of the record"),
        column("sentiment_version", sa.Text, "model version of the sentiment"),
        column("topic_version", sa.Text, "model version of the topic"),
        column("recorded_at", TIME, "database clock, for operators only", server_default=sa.func.now()),
    ]


def mention_columns() -> list[sa.Column]:
    return [
        run_id(),
        column("event_time", TIME, "event time of the document"),
        column("document_id", pg.UUID, "the document"),
        column("entity_id", sa.Text, "the entity, or MARKET: the mention without a company"),
        column("source_class", sa.Text, "news or social"),
        column("topic", sa.Text, "topic of the document"),
        column("target", sa.Text, "the name given to the model; empty = the whole text"),
        column("relevance", sa.SmallInteger, "0-100: how central the entity is to the document"),
        column("in_title", sa.Boolean, "named in the headline"),
        column("method", sa.Text, "how it was found: name, cashtag, code, hint, …"),
        column("source_key", sa.Text, "what counts as one independent source"),
        column("companies", sa.SmallInteger, "companies mentioned by the document"),
        column("p_neg", PROBABILITY, "calibrated probability of negative"),
        column("p_neu", PROBABILITY, "calibrated probability of neutral"),
        column("p_pos", PROBABILITY, "calibrated probability of positive"),
        column("sentiment_class", sa.Text, "negative, neutral or positive: the largest of them"),
        column("confidence", PROBABILITY, "the largest of them"),
        column("story_id", pg.UUID, "story of the document, assigned when its pane closes", nullable=True),
        *known_columns(),
        column("model_version", sa.Text, "sentiment model version"),
    ]


def document_tables() -> None:
    table(
        "document_key", "un-timed identity of documents: which version is current, and where its row is",
        run_id(),
        column("source", sa.Text, "publisher or feed"),
        column("source_id", sa.Text, "id at the source"),
        column("document_id", pg.UUID, "derived from both"),
        column("event_time", TIME, "event time of the current version"),
        *version_columns(),
        column("known_pane", TIME, "known_pane of the current version"),
        key=("run_id", "source", "source_id"),
    )  # fmt: skip
    table("document", "documents, one row each: the current version", *document_columns(),
          key=("run_id", "event_time", "document_id"))  # fmt: skip
    table("document_history", "superseded versions of documents", *document_columns(), *superseded_columns(),
          key=("run_id", "document_id", "revision", "source_time", "content_hash"))  # fmt: skip
    table("mention", "one entity in one document, with its sentiment", *mention_columns(),
          key=("run_id", "event_time", "document_id", "entity_id"))  # fmt: skip
    table("mention_history", "mentions of superseded versions", *mention_columns(), *version_columns(),
          *superseded_columns(),
          key=("run_id", "document_id", "entity_id", "revision", "source_time", "content_hash"))  # fmt: skip
    op.create_index("mention_entity_time", "mention", ["run_id", "entity_id", "event_time"], schema="core")
    op.create_index("document_known", "document", ["run_id", "known_pane"], schema="core",
                    postgresql_where=sa.text("story_id IS NULL"))  # fmt: skip
    op.create_index("document_by_id", "document", ["run_id", "document_id"], schema="core")
    op.create_index("document_history_known", "document_history", ["run_id", "known_pane"], schema="core",
                    postgresql_where=sa.text("story_id IS NULL AND superseded_pane > known_pane"))  # fmt: skip
    op.create_index("mention_history_time", "mention_history", ["run_id", "event_time"], schema="core")


def progress_tables() -> None:
    table(
        "source_progress", "how far each partition is stored; moved by compare-and-set in the batch's own transaction",
        run_id(),
        column("kafka_topic", sa.Text, "input topic"),
        column("kafka_partition", sa.Integer, "its partition"),
        column("source_class", sa.Text, "news or social"),
        column("next_offset", sa.BigInteger, "next offset to read"),
        column("watermark", TIME, "largest event time seen so far; null = none", nullable=True),
        column("updated_at", TIME, "database clock", server_default=sa.func.now()),
        key=("run_id", "kafka_topic", "kafka_partition"),
    )  # fmt: skip
    table(
        "watermark_step", "when (Kafka time) a partition's watermark first let a pane close: the source of known_at",
        run_id(),
        column("kafka_topic", sa.Text, "input topic"),
        column("kafka_partition", sa.Integer, "its partition"),
        column("closes_until", TIME, "largest pane end with watermark >= pane end + lateness"),
        column("known_at", TIME, "Kafka timestamp of the record that got it there"),
        key=("run_id", "kafka_topic", "kafka_partition", "closes_until"),
    )  # fmt: skip
    table(
        "dirty_window", "5-minute panes that have new rows and await folding",
        column("dirty_id", sa.BigInteger, "surrogate key"),
        run_id(),
        column("pane_start", TIME, "start of the pane"),
        key=("dirty_id",), partitioned=False,
    )  # fmt: skip
    op.execute("ALTER TABLE core.dirty_window ALTER dirty_id ADD GENERATED ALWAYS AS IDENTITY")
    table(
        "dead_letter", "records that could not become documents, one row each",
        run_id(),
        column("kafka_topic", sa.Text, "coordinates of the record"),
        column("kafka_partition", sa.Integer, "coordinates of the record"),
        column("kafka_offset", sa.BigInteger, "coordinates of the record"),
        column("reason", sa.Text, "why, from a closed list"),
        column("detail", sa.Text, "which field, and what of it"),
        column("record_key", pg.BYTEA, "key of the record", nullable=True),
        column("payload", pg.BYTEA, "original bytes, the head of them when longer than 64 KiB"),
        column("payload_bytes", sa.Integer, "length of the original"),
        column("payload_sha256", pg.BYTEA, "SHA-256 of the original"),
        column("ingest_time", TIME, "Kafka timestamp of the record"),
        column("recorded_at", TIME, "database clock", server_default=sa.func.now()),
        key=("run_id", "kafka_topic", "kafka_partition", "kafka_offset"),
    )  # fmt: skip


def window_tables() -> None:
    table(
        "window_agg", "sentiment of a cell in a window; topic or source_class `all` = over all of them; sparse",
        run_id(),
        column("window_size", sa.Text, "5m, 1h or 1d"),
        column("window_start", TIME, "start of the window"),
        column("entity_id", sa.Text, "the entity, or MARKET"),
        column("topic", sa.Text, "canonical topic, or all"),
        column("source_class", sa.Text, "news, social or all"),
        column("buzz", sa.Integer, "documents"),
        column("stories", sa.Integer, "distinct stories; a document whose pane is still open counts as one"),
        column("sources", sa.Integer, "independent sources"),
        column("negatives", sa.Integer, "documents read as negative"),
        column("neutrals", sa.Integer, "documents read as neutral"),
        column("positives", sa.Integer, "documents read as positive"),
        column("negative_stories", sa.Integer, "distinct stories with a negative document"),
        column("net_sentiment", sa.Numeric(7, 6), "(positives - negatives) / buzz, -1 to 1"),
        column("negative_share", sa.Numeric(7, 6), "negatives / buzz, 0 to 1"),
        column("conf_weighted_sentiment", sa.Numeric(7, 6), "sum confidence*(p_pos - p_neg) / sum confidence"),
        column("p_neg", sa.Numeric(7, 6), "mean probability of negative"),
        column("p_pos", sa.Numeric(7, 6), "mean probability of positive"),
        column("late", sa.Integer, "documents that came too late for this window's detection"),
        key=("run_id", "window_size", "window_start", "entity_id", "topic", "source_class"),
    )  # fmt: skip
    op.create_index(
        "window_agg_entity",
        "window_agg",
        ["run_id", "entity_id", "window_size", "window_start"],
        schema="core",
    )
    table(
        "window_status", "closed windows: tells whether an absent cell is zero (a row here) or unknown (none)",
        run_id(),
        column("window_size", sa.Text, "5m, 1h or 1d"),
        column("source_class", sa.Text, "news, social or all"),
        column("window_start", TIME, "start of the window"),
        column("status", sa.Text, "complete, degraded or forced"),
        column("revision", sa.Integer, "0 at the close, one more for each later refold", server_default="0"),
        column("known_at", TIME, "Kafka time at which the watermark let it close"),
        key=("run_id", "window_size", "source_class", "window_start"),
    )  # fmt: skip
    table(
        "story", "stories: documents that tell the same thing; the leader never changes",
        run_id(),
        column("story_id", pg.UUID, "derived from its leader"),
        column("leader_document_id", pg.UUID, "first document in (event_time, id) order"),
        column("first_time", TIME, "event time of the leader"),
        column("signature", pg.BYTEA, "MinHash of the leader's text"),
        key=("run_id", "story_id"),
    )  # fmt: skip
    op.create_index("story_first_time", "story", ["run_id", "first_time"], schema="core")


def alert_tables() -> None:
    table(
        "alert_episode", "alerts: one row an episode, from opening to resolution",
        run_id(),
        column("alert_id", sa.Text, "short id derived from the episode (dedup_key and opened_at)"),
        column("dedup_key", sa.Text, "rule|entity|topic|source_class"),
        column("rule", sa.Text, "e.g. negative_surge"),
        column("entity_id", sa.Text, "the entity, or MARKET"),
        column("topic", sa.Text, "canonical topic, or all"),
        column("source_class", sa.Text, "news, social or all"),
        column("severity", sa.Text, "critical, error, warning or info: the highest reached"),
        column("state", sa.Text, "pending, firing, resolved, …"),
        column("opened_at", TIME, "end of the pane that opened it"),
        column("last_at", TIME, "end of the last pane that held it open"),
        column("resolved_at", TIME, "end of the pane that resolved it", nullable=True),
        column("known_at", TIME, "Kafka time at which the opening was known"),
        column("span", sa.Text, "trailing span that spoke first: 1h or 24h"),
        column("observed", sa.Integer, "negative stories in the span, at the peak"),
        column("expected", pg.DOUBLE_PRECISION, "expected number of them"),
        column("p_value", pg.DOUBLE_PRECISION, "tail probability of the count"),
        column("share_observed", pg.DOUBLE_PRECISION, "share of negative stories"),
        column("share_expected", pg.DOUBLE_PRECISION, "its baseline"),
        column("share_p_value", pg.DOUBLE_PRECISION, "tail probability of the share"),
        column("stories", sa.Integer, "all stories in the span, at the peak"),
        column("documents", sa.Integer, "negative documents in the span, at the peak"),
        column("sources", sa.Integer, "independent sources of them"),
        column("evidence", pg.JSONB, "baseline, topics, versions and the SQL that re-derives the numbers"),
        key=("run_id", "alert_id"),
    )  # fmt: skip
    table(
        "alert_event", "append-only history of an alert",
        run_id(),
        column("alert_id", sa.Text, "the alert"),
        column("at", TIME, "event time of the step"),
        column("kind", sa.Text, "opened, escalated, resolved, acknowledged, …"),
        column("detail", pg.JSONB, "figures of the step", server_default="{}"),
        column("recorded_at", TIME, "database clock", server_default=sa.func.now()),
        key=("run_id", "alert_id", "at", "kind"),
    )  # fmt: skip
    table(
        "alert_document", "the documents that caused an alert, strongest first, one a story",
        run_id(),
        column("alert_id", sa.Text, "the alert"),
        column("rank", sa.SmallInteger, "1 = strongest"),
        column("document_id", pg.UUID, "the document"),
        column("event_time", TIME, "its event time"),
        column("story_id", pg.UUID, "its story"),
        column("copies", sa.Integer, "documents of that story in the span"),
        column("contribution", PROBABILITY, "its probability of negative"),
        key=("run_id", "alert_id", "rank"),
    )  # fmt: skip
    table(
        "outbox", "messages to publish, written in the transaction that causes them",
        column("outbox_id", sa.BigInteger, "surrogate key: publication order"),
        run_id(),
        column("topic", sa.Text, "Kafka topic"),
        column("record_key", pg.BYTEA, "Kafka key: the dedup key"),
        column("record_value", pg.BYTEA, "Kafka value"),
        column("headers", pg.JSONB, "Kafka headers", server_default="{}"),
        column("created_at", TIME, "database clock", server_default=sa.func.now()),
        column("published_at", TIME, "database clock; null = to be sent", nullable=True),
        key=("outbox_id",), partitioned=False,
    )  # fmt: skip
    op.execute("ALTER TABLE core.outbox ALTER outbox_id ADD GENERATED ALWAYS AS IDENTITY")
    op.create_index(
        "outbox_unsent",
        "outbox",
        ["outbox_id"],
        schema="core",
        postgresql_where=sa.text("published_at IS NULL"),
    )
    op.create_index("dirty_window_run", "dirty_window", ["run_id"], schema="core")


def upgrade() -> None:
    op.execute("CREATE SCHEMA IF NOT EXISTS core")
    registry_tables()
    document_tables()
    progress_tables()
    window_tables()
    alert_tables()
    op.execute("""
        CREATE VIEW core.mention_known AS
        SELECT run_id, event_time, document_id, entity_id, source_class, topic, source_key, companies, p_neg, sentiment_class,
               story_id, known_pane, NULL::timestamptz AS superseded_pane, model_version
        FROM core.mention
        UNION ALL
        SELECT run_id, event_time, document_id, entity_id, source_class, topic, source_key, companies, p_neg, sentiment_class,
               story_id, known_pane, superseded_pane, model_version
        FROM core.mention_history
    """)
    op.execute(
        "COMMENT ON VIEW core.mention_known IS 'mentions of all versions: a pane end E reads those with"
        " known_pane <= E < superseded_pane'"
    )


def downgrade() -> None:
    op.execute("DROP SCHEMA core CASCADE")
