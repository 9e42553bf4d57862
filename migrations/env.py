"""Alembic's entry: the connection is handed over by `streams.adapters.postgres.migrate`, never read from a file."""

from alembic import context

connection = context.config.attributes["connection"]
context.configure(connection=connection, transaction_per_migration=True, version_table_schema="public")
with context.begin_transaction():
    context.run_migrations()
