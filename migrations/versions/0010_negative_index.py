"""Detection finds the negative mentions of a day without reading the day.

Revision ID: 0010
"""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        "CREATE INDEX mention_negative ON core.mention (run_id, event_time)"
        " WHERE sentiment_class = 'negative' AND (entity_id <> 'MARKET' OR companies = 0)"
    )


def downgrade() -> None:
    op.execute("DROP INDEX core.mention_negative")
