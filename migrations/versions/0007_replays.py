"""What a replay was asked for, runs that judge another run's rows, marked warm-up, results of experiments.

Revision ID: 0007
"""

import importlib.util
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql as pg

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)
RUN_COLUMNS = {
    "base_run_id": (sa.Integer, None, "the run whose documents and mentions it judges; null = its own"),
    "since": (TIME, None, "alerts opened before are warm-up; null = there is none"),
    "until": (TIME, None, "where it ends, as asked for; null = at the end of its input"),
    "request": (pg.JSONB, "{}", "what `sentiwatch replay` was asked for, and the offsets it reads"),
}
BASE = "coalesce(run.base_run_id, ad.run_id)"
DERIVATION = (
    "replace(a.evidence ->> 'sql', '{run}', quote_literal(coalesce((SELECT b.name FROM core.run AS b"
    " WHERE b.run_id = run.base_run_id), run.name)))"
)
WARM_UP = (
    "warm_up", "coalesce(a.opened_at < run.since, false)",
    "opened before the stretch that the run is about, while baselines were filling: not to be reported",
)  # fmt: skip
NEW_VIEWS = {
    "runs": (
        "runs: live is one, each replay another",
        "core.run AS run LEFT JOIN core.run AS base ON base.run_id = run.base_run_id",
        (
            ("run", "run.name", "name of the run"), ("kind", "run.kind", "live or replay"),
            ("base", "base.name", "the run whose documents it judges anew; null = it has its own"),
            ("since", "run.since", "alerts opened before are warm-up"), ("until", "run.until", "end of what was asked for"),
            ("closed_until", "run.closed_until", "every pane that ends here or earlier is closed"),
            ("settings", "run.settings", "JSON: the settings that shape its result"),
            ("request", "run.request", "JSON: what the replay was asked for"),
            ("gazetteer_version", "run.gazetteer_version", "version of the entity list"),
            ("created_at", "run.created_at", "database clock"),
        ),
    ),
    "experiment_results": (
        "figures of experiments, one row a variant and measure",
        "core.experiment_result AS x",
        (
            ("experiment", "x.experiment", "name in its file"), ("variant", "x.variant", "name in its file"),
            ("run", "x.run", "the run it made"), ("measure", "x.measure", "e.g. alerts, only_in_base, car_mean_of_others_5"),
            ("value", "x.value", "the figure; null where it could not be computed"),
            ("recorded_at", "x.recorded_at", "database clock"),
        ),
    ),
}  # fmt: skip


def earlier() -> Any:
    """The views as 0002 made them."""
    place = Path(__file__).with_name("0002_bi_views.py")
    spec = importlib.util.spec_from_file_location("bi_views_0002", place)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def upgrade() -> None:
    for name, (kind, default, comment) in RUN_COLUMNS.items():
        column = sa.Column(name, kind, server_default=default, nullable=default is None, comment=comment)
        op.add_column("run", column, schema="core")
    op.create_table(
        "experiment_result",
        sa.Column("experiment", sa.Text, comment="name in its file"),
        sa.Column("variant", sa.Text, comment="name in its file"),
        sa.Column("run", sa.Text, nullable=False, comment="the run it made; it may have been dropped since"),
        sa.Column("measure", sa.Text, comment="what was counted or measured"),
        sa.Column("value", pg.DOUBLE_PRECISION, comment="the figure; null where it could not be computed"),
        sa.Column(
            "recorded_at", TIME, nullable=False, server_default=sa.func.now(), comment="database clock"
        ),
        sa.PrimaryKeyConstraint("experiment", "variant", "measure"),
        schema="core",
        comment="figures of experiments, one row a variant and measure; they outlive their runs",
    )
    before = earlier()
    comment, source, columns = before.VIEWS["alerts"]
    changed = tuple(
        (name, DERIVATION, *rest[1:]) if name == "derivation" else (name, *rest) for name, *rest in columns
    )
    replace_view(before, "alerts", comment, source, (*changed, WARM_UP))
    comment, source, columns = before.VIEWS["alert_documents"]
    source = source.replace("d.run_id = ad.run_id", f"d.run_id = {BASE}").replace(
        "m.run_id = ad.run_id", f"m.run_id = {BASE}"
    )
    replace_view(before, "alert_documents", comment, source, columns)
    for name, view in NEW_VIEWS.items():
        before.create_view(name, *view)


def replace_view(before: Any, name: str, comment: str, source: str, columns: tuple[Any, ...]) -> None:
    op.execute(f"DROP VIEW bi_v1.{name}")
    before.create_view(name, comment, source, columns)


def downgrade() -> None:
    before = earlier()
    for name in NEW_VIEWS:
        op.execute(f"DROP VIEW bi_v1.{name}")
    for name in ("alerts", "alert_documents"):
        replace_view(before, name, *before.VIEWS[name])
    op.drop_table("experiment_result", schema="core")
    for name in RUN_COLUMNS:
        op.drop_column("run", name, schema="core")
