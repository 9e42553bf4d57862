"""Roles that can do their work and nothing else: sentiwatch_writer, sentiwatch_retention, bi_reader.

The migrator owns the schemas and all tables; it runs `sentiwatch db`, and nothing else needs its rights. The others are
groups without a login of their own: an administrator makes the logins as their members. Tables of a run are partitions,
and making one needs the rights of an owner: the functions here do exactly that on the writer's behalf.

Revision ID: 0004
"""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

MAKE_ROLES = """
    DO $$
    DECLARE
        role_name text;
    BEGIN
        FOREACH role_name IN ARRAY ARRAY['sentiwatch_writer', 'sentiwatch_retention'] LOOP
            IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role_name) THEN
                EXECUTE format('CREATE ROLE %I NOLOGIN', role_name);
            END IF;
        END LOOP;
    EXCEPTION WHEN insufficient_privilege THEN
        RAISE NOTICE 'no right to make the roles sentiwatch_writer and sentiwatch_retention: let an administrator make'
            ' them, then run `sentiwatch db upgrade` again';
    WHEN duplicate_object OR unique_violation THEN
        NULL; -- another database of this cluster is migrated at the same moment
    END $$
"""

# The partitions of one run: one of every partitioned table; those in `monthly` are cut further by month, those in `updated`
# leave room on their pages.
MAKE_PARTITIONS = """
    CREATE FUNCTION core.make_partitions(run integer, monthly text[], updated text[]) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    DECLARE
        parent text;
        tail text;
    BEGIN
        FOR parent IN
            SELECT relname FROM pg_class
            WHERE relnamespace = 'core'::regnamespace AND relkind = 'p' AND NOT relispartition ORDER BY relname
        LOOP
            tail := CASE WHEN parent = ANY (monthly) THEN ' PARTITION BY RANGE (event_time)'
                         WHEN parent = ANY (updated) THEN ' WITH (fillfactor = 80)' ELSE '' END;
            EXECUTE format('CREATE TABLE core.%I PARTITION OF core.%I FOR VALUES IN (%L)%s',
                           parent || '_r' || run, parent, run, tail);
        END LOOP;
    END $$
"""
# One month of one run: made as a table of its own, then attached, which stops nobody from reading or writing the run.
MAKE_MONTH = """
    CREATE FUNCTION core.make_month(parent text, run integer, year integer, month integer) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    DECLARE
        whole text := parent || '_r' || run;
        child text := format('%s_%s_%s', whole, lpad(year::text, 4, '0'), lpad(month::text, 2, '0'));
        low timestamp := make_timestamp(year, month, 1, 0, 0, 0);
    BEGIN
        IF to_regclass(format('core.%I', child)) IS NULL THEN
            EXECUTE format('CREATE TABLE core.%I (LIKE core.%I INCLUDING DEFAULTS INCLUDING CONSTRAINTS)'
                           ' WITH (fillfactor = 80)', child, whole);
            EXECUTE format('ALTER TABLE core.%I ATTACH PARTITION core.%I FOR VALUES FROM (%L) TO (%L)', whole, child,
                           low AT TIME ZONE 'UTC', (low + interval '1 month') AT TIME ZONE 'UTC');
        END IF;
    END $$
"""
# Gives up rather than stand in the way of the writers that it would wait for.
DROP_MONTH = """
    CREATE FUNCTION core.drop_month(parent text, run integer, year integer, month integer) RETURNS boolean
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
# Who may do what; called at the end of each `sentiwatch db upgrade`, so that later tables are covered too.
GRANT_RIGHTS = """
    CREATE FUNCTION core.grant_rights() RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
    BEGIN
        REVOKE ALL ON ALL FUNCTIONS IN SCHEMA core FROM PUBLIC;
        IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'sentiwatch_writer') THEN
            GRANT USAGE ON SCHEMA core, bi_v1 TO sentiwatch_writer;
            GRANT SELECT ON ALL TABLES IN SCHEMA bi_v1 TO sentiwatch_writer;
            GRANT SELECT ON public.alembic_version TO sentiwatch_writer;
            GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA core TO sentiwatch_writer;
            -- what was said stays said, what was erased stays erased, and a key stays what it was
            REVOKE UPDATE, DELETE ON core.alert_event, core.author_key FROM sentiwatch_writer;
            REVOKE INSERT, UPDATE, DELETE ON core.erasure_ledger FROM sentiwatch_writer;
            GRANT EXECUTE ON FUNCTION core.make_partitions(integer, text[], text[]),
                core.make_month(text, integer, integer, integer) TO sentiwatch_writer;
        END IF;
        IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'sentiwatch_retention') THEN
            GRANT USAGE ON SCHEMA core TO sentiwatch_retention;
            GRANT SELECT ON public.alembic_version TO sentiwatch_retention;
            GRANT SELECT, DELETE ON ALL TABLES IN SCHEMA core TO sentiwatch_retention;
            REVOKE DELETE ON core.erasure_ledger, core.author_key, core.run FROM sentiwatch_retention;
            GRANT EXECUTE ON FUNCTION core.drop_month(text, integer, integer, integer) TO sentiwatch_retention;
        END IF;
        IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'bi_reader') THEN
            GRANT USAGE ON SCHEMA bi_v1 TO bi_reader;
            GRANT SELECT ON ALL TABLES IN SCHEMA bi_v1 TO bi_reader;
        END IF;
    END $$
"""
FUNCTIONS = {
    "make_partitions(integer, text[], text[])": (
        MAKE_PARTITIONS,
        "the partitions of one run; on behalf of the writer",
    ),
    "make_month(text, integer, integer, integer)": (
        MAKE_MONTH,
        "one month of one run; on behalf of the writer",
    ),
    "drop_month(text, integer, integer, integer)": (
        DROP_MONTH,
        "drops one month of one run; on behalf of the retention job",
    ),
    "grant_rights()": (GRANT_RIGHTS, "who may do what; called by sentiwatch db upgrade"),
}


def upgrade() -> None:
    op.execute(MAKE_ROLES)
    for signature, (statement, comment) in FUNCTIONS.items():
        op.execute(statement)
        op.execute(f"COMMENT ON FUNCTION core.{signature} IS '{comment}'")


def downgrade() -> None:
    """The roles stay: they belong to the cluster, and other databases may use them."""
    op.execute("""
        DO $$
        DECLARE
            role_name text;
        BEGIN
            FOR role_name IN SELECT rolname FROM pg_roles WHERE rolname IN ('sentiwatch_writer', 'sentiwatch_retention') LOOP
                EXECUTE format('REVOKE ALL ON ALL TABLES IN SCHEMA core, bi_v1, public FROM %I', role_name);
                EXECUTE format('REVOKE ALL ON SCHEMA core, bi_v1 FROM %I', role_name);
            END LOOP;
        END $$
    """)
    for signature in FUNCTIONS:
        op.execute(f"DROP FUNCTION core.{signature}")
