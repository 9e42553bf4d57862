"""What became of dead letters: replayed, resolved, dropped; who did it, and when. Append-only.

A letter's status is derived, never stored: a replay is resolved once its run has stored up to the copy's offset without a dead
letter there. So no crash can leave a status that does not fit what is stored.

Revision ID: 0005
"""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

EVENT_COLUMNS = {
    "event_id": ("bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY", "surrogate key: the order of events"),
    "run_id": ("integer NOT NULL", "the run of the dead letter (core.run)"),
    "kafka_topic": ("text NOT NULL", "coordinates of the dead letter"),
    "kafka_partition": ("integer NOT NULL", "coordinates of the dead letter"),
    "kafka_offset": ("bigint NOT NULL", "coordinates of the dead letter"),
    "kind": ("text NOT NULL CHECK (kind IN ('replaying', 'replayed', 'dropped', 'reopened'))",
             "replaying = about to be published again; replayed = published; dropped = given up; reopened = neither"),
    "replay_id": ("uuid", "one copy: the header sentiwatch-replay of its record; null unless replaying or replayed"),
    "copy_partition": ("integer", "partition of the copy, in the same topic; null unless replaying or replayed"),
    "copy_offset": ("bigint", "replayed: offset of the copy; replaying: the copy, if published, is not before it"),
    "first_partition": ("integer", "coordinates of the first failure of this record; null unless replaying or replayed"),
    "first_offset": ("bigint", "coordinates of the first failure of this record; null unless replaying or replayed"),
    "note": ("text NOT NULL DEFAULT ''", "why, in the operator's words"),
    "made_by": ("text NOT NULL", "the operator"),
    "recorded_at": ("timestamptz NOT NULL DEFAULT now()", "database clock"),
}  # fmt: skip

APPEND_ONLY = """
    CREATE FUNCTION core.refuse_change() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
    BEGIN
        RAISE EXCEPTION 'core.% is append-only', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
    END $$
"""

LETTER = "run_id, kafka_topic, kafka_partition, kafka_offset"
# Follows copies of copies: the last of them tells what became of the first.
STATUS = f"""
    CREATE VIEW core.dead_letter_status AS
    WITH RECURSIVE latest AS (
        SELECT DISTINCT ON ({LETTER}) {LETTER}, kind, copy_partition, copy_offset
        FROM core.dead_letter_event ORDER BY {LETTER}, event_id DESC
    ), hop AS (
        SELECT {LETTER}, copy_partition, copy_offset, 1 AS depth FROM latest WHERE kind = 'replayed'
        UNION ALL
        SELECT hop.run_id, hop.kafka_topic, hop.kafka_partition, hop.kafka_offset, later.copy_partition, later.copy_offset,
               depth + 1
        FROM hop JOIN latest AS later ON later.run_id = hop.run_id AND later.kafka_topic = hop.kafka_topic
            AND later.kafka_partition = hop.copy_partition AND later.kafka_offset = hop.copy_offset
        WHERE later.kind = 'replayed' AND depth < 1000
    ), last AS (
        SELECT DISTINCT ON ({LETTER}) {LETTER}, copy_partition, copy_offset FROM hop ORDER BY {LETTER}, depth DESC
    )
    SELECT letter.run_id, letter.kafka_topic, letter.kafka_partition, letter.kafka_offset,
           CASE WHEN latest.kind IS NULL OR latest.kind = 'reopened' THEN 'open'
                WHEN latest.kind = 'dropped' OR last_event.kind = 'dropped' THEN 'dropped'
                WHEN latest.kind = 'replayed' AND again.kafka_offset IS NULL AND progress.next_offset > last.copy_offset
                    THEN 'resolved'
                ELSE 'replayed' END AS status,
           first.first_partition AS first_kafka_partition, first.first_offset AS first_kafka_offset,
           last.copy_partition, last.copy_offset
    FROM core.dead_letter AS letter
    LEFT JOIN latest USING ({LETTER})
    LEFT JOIN last USING ({LETTER})
    LEFT JOIN core.dead_letter AS again ON again.run_id = letter.run_id AND again.kafka_topic = letter.kafka_topic
        AND again.kafka_partition = last.copy_partition AND again.kafka_offset = last.copy_offset
    LEFT JOIN latest AS last_event ON last_event.run_id = letter.run_id AND last_event.kafka_topic = letter.kafka_topic
        AND last_event.kafka_partition = last.copy_partition AND last_event.kafka_offset = last.copy_offset
    LEFT JOIN core.source_progress AS progress ON progress.run_id = letter.run_id
        AND progress.kafka_topic = letter.kafka_topic AND progress.kafka_partition = last.copy_partition
    LEFT JOIN core.dead_letter_event AS first ON first.kind = 'replayed' AND first.run_id = letter.run_id
        AND first.kafka_topic = letter.kafka_topic AND first.copy_partition = letter.kafka_partition
        AND first.copy_offset = letter.kafka_offset
"""
STATUS_COLUMNS = {
    "run_id": "the run of the dead letter",
    "kafka_topic": "coordinates of the dead letter",
    "kafka_partition": "coordinates of the dead letter",
    "kafka_offset": "coordinates of the dead letter",
    "status": "open; replayed: published again and not read yet, or failed again (then the copy is a dead letter of its own);"
    " resolved: the copy is stored; dropped",
    "first_kafka_partition": "where this record failed first, when it is the copy of another; else null",
    "first_kafka_offset": "where this record failed first, when it is the copy of another; else null",
    "copy_partition": "the last copy; null = never replayed",
    "copy_offset": "the last copy; null = never replayed",
}

LETTERS = """
    CREATE VIEW bi_v1.dead_letters AS
    SELECT run.name AS run, l.reason, l.detail, l.kafka_topic, l.kafka_partition, l.kafka_offset, l.payload_bytes, l.ingest_time
    {more}
    FROM core.dead_letter AS l JOIN core.run AS run USING (run_id) {joined}
"""
MORE = ", s.status, s.first_kafka_partition, s.first_kafka_offset"
JOINED = f"JOIN core.dead_letter_status AS s USING ({LETTER})"
LETTERS_COMMENT = "records that could not become documents: reason and coordinates, never the content"
LETTERS_COLUMNS = {
    "run": "name of the run: live, or a replay",
    "reason": "why, from a closed list",
    "detail": "which field",
    "kafka_topic": "where the record is",
    "kafka_partition": "where the record is",
    "kafka_offset": "where the record is",
    "payload_bytes": "its size",
    "ingest_time": "Kafka timestamp of the record",
}
COUNTS = f"""
    CREATE VIEW bi_v1.dead_letter_counts AS
    SELECT run.name AS run, l.kafka_topic, l.reason, count(*) AS letters,
           count(*) FILTER (WHERE s.status = 'open') AS open, count(*) FILTER (WHERE s.status = 'replayed') AS replayed,
           count(*) FILTER (WHERE s.status = 'resolved') AS resolved, count(*) FILTER (WHERE s.status = 'dropped') AS dropped,
           count(s.first_kafka_offset) AS failed_again, min(l.ingest_time) AS first_time, max(l.ingest_time) AS last_time
    FROM core.dead_letter AS l JOIN core.run AS run USING (run_id) {JOINED}
    GROUP BY run.name, l.kafka_topic, l.reason
"""
COUNTS_COLUMNS = {
    "run": "name of the run: live, or a replay",
    "kafka_topic": "input topic",
    "reason": "why, from a closed list",
    "letters": "records, one a row of bi_v1.dead_letters",
    "open": "of them nobody has looked after",
    "replayed": "of them published again; not read yet, or failed again",
    "resolved": "of them published again and stored",
    "dropped": "of them given up",
    "failed_again": "of them copies of records that had failed before",
    "first_time": "earliest Kafka timestamp",
    "last_time": "latest Kafka timestamp",
}


def quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def comment(kind: str, name: str, text: str, columns: dict[str, str]) -> None:
    op.execute(f"COMMENT ON {kind} {name} IS {quoted(text)}")
    for column, told in columns.items():
        op.execute(f"COMMENT ON COLUMN {name}.{column} IS {quoted(told)}")


def letters_view(more: str, joined: str, columns: dict[str, str]) -> None:
    op.execute("DROP VIEW bi_v1.dead_letters")
    op.execute(LETTERS.format(more=more, joined=joined))
    comment("VIEW", "bi_v1.dead_letters", LETTERS_COMMENT, columns)


def upgrade() -> None:
    op.execute("ALTER TABLE core.dead_letter ADD COLUMN record_headers bytea")
    op.execute(
        "COMMENT ON COLUMN core.dead_letter.record_headers IS"
        " 'headers of the record, JSON [[name, base64], …]; null = none; empty = too many to keep, they are in Kafka'"
    )
    listed = ", ".join(f"{name} {kind}" for name, (kind, _) in EVENT_COLUMNS.items())
    op.execute(f"CREATE TABLE core.dead_letter_event ({listed})")
    texts = {name: text for name, (_, text) in EVENT_COLUMNS.items()}
    comment("TABLE", "core.dead_letter_event", "what was done about dead letters; append-only", texts)
    op.execute(f"CREATE INDEX dead_letter_event_letter ON core.dead_letter_event ({LETTER})")
    op.execute("CREATE INDEX dead_letter_event_copy ON core.dead_letter_event"
               " (run_id, kafka_topic, copy_partition, copy_offset) WHERE kind = 'replayed'")  # fmt: skip
    op.execute(APPEND_ONLY)
    op.execute("CREATE TRIGGER append_only BEFORE UPDATE ON core.dead_letter_event"
               " FOR EACH ROW EXECUTE FUNCTION core.refuse_change()")  # fmt: skip
    op.execute(STATUS)
    comment("VIEW", "core.dead_letter_status", "what became of each dead letter", STATUS_COLUMNS)
    added = {name: STATUS_COLUMNS[name] for name in ("status", "first_kafka_partition", "first_kafka_offset")}
    letters_view(MORE, JOINED, LETTERS_COLUMNS | added)
    op.execute(COUNTS)
    comment(
        "VIEW",
        "bi_v1.dead_letter_counts",
        "dead letters by topic and reason, and what became of them",
        COUNTS_COLUMNS,
    )
    op.execute("SELECT core.grant_rights()")


def downgrade() -> None:
    op.execute("DROP VIEW bi_v1.dead_letter_counts")
    letters_view("", "", LETTERS_COLUMNS)
    op.execute("DROP VIEW core.dead_letter_status")
    op.execute("DROP TABLE core.dead_letter_event")
    op.execute("DROP FUNCTION core.refuse_change()")
    op.execute("ALTER TABLE core.dead_letter DROP COLUMN record_headers")
    op.execute("SELECT core.grant_rights()")
