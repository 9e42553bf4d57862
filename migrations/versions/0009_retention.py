"""A month goes, and what alerts rest on stays: the month's partition is replaced by one that holds the evidence only.

One transaction a month: no reader ever sees an alert without its evidence, and no crash leaves a month half gone. The lock on
the run's partition is waited for two seconds at most and held for the catalogue's work alone.

Revision ID: 0009
"""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

EVIDENCE = """
    CREATE VIEW core.alert_evidence AS
    SELECT run_id, alert_id, entity_id, topic, peak_at - interval '24 hours' AS low, peak_at AS high
    FROM (
        SELECT run_id, alert_id, entity_id, topic, (evidence ->> 'peak_at')::timestamptz AS peak_at FROM core.alert_episode
        UNION
        SELECT run_id, alert_id, entity_id, topic, (evidence ->> 'peak_at')::timestamptz FROM core.alert_history
    ) AS peak WHERE peak_at IS NOT NULL
"""
COMMENTS = {
    "run_id": "the run this row belongs to (core.run)",
    "alert_id": "the alert",
    "entity_id": "the entity it is about, or MARKET",
    "topic": "its topic, or all",
    "low": "event time from which on mentions of the entity belong to the figures of a peak",
    "high": "event time before which they do: the peak",
}
IS_EVIDENCE = """
    CREATE FUNCTION core.is_evidence(run integer, entity text, topic text, companies integer, at timestamptz) RETURNS boolean
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
        SELECT EXISTS (
            SELECT FROM core.alert_evidence e
            WHERE e.run_id = is_evidence.run AND e.entity_id = is_evidence.entity AND at >= e.low AND at < e.high
              AND (e.entity_id <> 'MARKET' OR (is_evidence.companies = 0 AND e.topic = is_evidence.topic)))
    $$
"""
DROP_MONTH = """
    CREATE OR REPLACE FUNCTION core.drop_month(parent text, run integer, year integer, month integer) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '2s' AS $$
    DECLARE
        whole text := parent || '_r' || run;
        child text := format('%s_%s_%s', whole, lpad(year::text, 4, '0'), lpad(month::text, 2, '0'));
        kept text := child || '_kept';
        low timestamptz := make_timestamp(year, month, 1, 0, 0, 0) AT TIME ZONE 'UTC';
        high timestamptz := (make_timestamp(year, month, 1, 0, 0, 0) + interval '1 month') AT TIME ZONE 'UTC';
        evidence bigint;
    BEGIN
        IF parent NOT IN ('document', 'mention') OR NOT EXISTS (
            SELECT FROM pg_inherits WHERE inhparent = to_regclass(format('core.%I', whole))
               AND inhrelid = to_regclass(format('core.%I', child)))
        THEN
            RETURN false;
        END IF;
        EXECUTE format('CREATE TABLE core.%I (LIKE core.%I INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', kept, whole);
        IF parent = 'mention' THEN
            EXECUTE format('INSERT INTO core.%I SELECT * FROM core.%I AS t'
                ' WHERE core.is_evidence(run_id, entity_id, topic, companies, event_time)', kept, child);
        ELSE
            EXECUTE format('INSERT INTO core.%I SELECT * FROM core.%I AS t'
                ' WHERE document_id IN (SELECT document_id FROM core.alert_document WHERE run_id = %s UNION'
                '                       SELECT document_id FROM core.alert_document_history WHERE run_id = %s)'
                ' OR EXISTS (SELECT FROM core.mention m WHERE m.run_id = t.run_id AND m.event_time = t.event_time'
                '    AND m.document_id = t.document_id AND m.sentiment_class = ''negative'''
                '    AND core.is_evidence(m.run_id, m.entity_id, m.topic, m.companies, m.event_time))', kept, child, run, run);
        END IF;
        GET DIAGNOSTICS evidence = ROW_COUNT;
        UPDATE core.run AS r SET frozen_until = greatest(coalesce(r.frozen_until, high), high) WHERE r.run_id = drop_month.run;
        EXECUTE format('ALTER TABLE core.%I DETACH PARTITION core.%I', whole, child);
        EXECUTE format('DROP TABLE core.%I', child);
        IF evidence = 0 THEN
            EXECUTE format('DROP TABLE core.%I', kept);
        ELSE
            EXECUTE format('ALTER TABLE core.%I RENAME TO %I', kept, child);
            EXECUTE format('ALTER TABLE core.%I ATTACH PARTITION core.%I FOR VALUES FROM (%L) TO (%L)',
                           whole, child, low, high);
            EXECUTE format('COMMENT ON TABLE core.%I IS ''evidence of alerts; the rest of the month was dropped''', child);
        END IF;
        RETURN true;
    END $$
"""
# As in 0004.
BEFORE = """
    CREATE OR REPLACE FUNCTION core.drop_month(parent text, run integer, year integer, month integer) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '2s' AS $$
    DECLARE
        whole text := parent || '_r' || run;
        child text := format('%s_%s_%s', whole, lpad(year::text, 4, '0'), lpad(month::text, 2, '0'));
    BEGIN
        IF NOT EXISTS (SELECT FROM pg_inherits
                       WHERE inhparent = to_regclass(format('core.%I', whole))
                         AND inhrelid = to_regclass(format('core.%I', child)))
        THEN
            RETURN false;
        END IF;
        EXECUTE format('ALTER TABLE core.%I DETACH PARTITION core.%I', whole, child);
        EXECUTE format('DROP TABLE core.%I', child);
        RETURN true;
    END $$
"""
TO_RETENTION = """
    DO $$ BEGIN
        IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'sentiwatch_retention') THEN
            GRANT SELECT ON core.alert_evidence TO sentiwatch_retention;
            GRANT EXECUTE ON FUNCTION core.make_month(text, integer, integer, integer),
                core.is_evidence(integer, text, text, integer, timestamptz) TO sentiwatch_retention;
        END IF;
    END $$
"""


def upgrade() -> None:
    op.execute(EVIDENCE)
    op.execute(
        "COMMENT ON VIEW core.alert_evidence IS 'which mentions the figures of each peak of an alert rest on'"
    )
    for column, text in COMMENTS.items():
        op.execute(f"COMMENT ON COLUMN core.alert_evidence.{column} IS '{text}'")
    op.execute(IS_EVIDENCE)
    op.execute(
        "COMMENT ON FUNCTION core.is_evidence(integer, text, text, integer, timestamptz) IS"
        " 'whether a mention belongs to the figures of an alert'"
    )
    op.execute(DROP_MONTH)
    op.execute(TO_RETENTION)


def downgrade() -> None:
    op.execute(BEFORE)
    op.execute("DROP FUNCTION core.is_evidence(integer, text, text, integer, timestamptz)")
    op.execute("DROP VIEW core.alert_evidence")
