"""The erasure ledger, which every run reads its input through, and which author keys this database was written with.

The ledger holds no handle and no source-side id: documents by their derived id, authors by their keyed hash, records by
their coordinates.

Revision ID: 0003
"""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

TABLES = {
    "erasure_ledger": (
        "what was erased and may not come back from Kafka; append-only; read by every live run and replay",
        {
            "erasure_id": ("bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY",
                           "surrogate key; the largest is the ledger's version"),
            "request_id": ("uuid NOT NULL", "one call of sentiwatch erase"),
            "kind": ("text NOT NULL CHECK (kind IN ('document', 'author', 'record'))",
                     "what is erased: a document, all of an author, or the bytes of one record"),
            "document_id": ("uuid", "the document, in all its versions; null for the other kinds"),
            "author_key": ("bytea", "HMAC-SHA-256 of the handle, in its source or in any; null for the other kinds"),
            "kafka_topic": ("text", "the record's coordinates; null for the other kinds"),
            "kafka_partition": ("integer", "the record's coordinates; null for the other kinds"),
            "kafka_offset": ("bigint", "the record's coordinates; null for the other kinds"),
            "requested_at": ("timestamptz NOT NULL DEFAULT now()", "database clock"),
        },
    ),
    "author_key": (
        "author keys this database was written with: a key may not change under its version",
        {
            "version": ("smallint PRIMARY KEY", "version, as in document.author_key_version"),
            "since": ("timestamptz", "event time from which it is used; null = from the beginning"),
            "check_value": ("bytea NOT NULL", "tells two keys apart; the key itself is never stored"),
            "first_used_at": ("timestamptz NOT NULL DEFAULT now()", "database clock"),
        },
    ),
}  # fmt: skip


def upgrade() -> None:
    for name, (comment, columns) in TABLES.items():
        op.execute(
            f"CREATE TABLE core.{name} ({', '.join(f'{column} {kind}' for column, (kind, _) in columns.items())})"
        )
        op.execute(f"COMMENT ON TABLE core.{name} IS {quoted(comment)}")
        for column, (_, text) in columns.items():
            op.execute(f"COMMENT ON COLUMN core.{name}.{column} IS {quoted(text)}")
    op.execute("""
        ALTER TABLE core.erasure_ledger ADD CONSTRAINT erasure_ledger_once UNIQUE NULLS NOT DISTINCT
            (kind, document_id, author_key, kafka_topic, kafka_partition, kafka_offset)
    """)


def quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def downgrade() -> None:
    for name in TABLES:
        op.execute(f"DROP TABLE core.{name}")
