"""Figures of experiments, for BI: bi_v1.experiment_results."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from streams.adapters.postgres.connection import Database

SAVE = """
    INSERT INTO core.experiment_result (experiment, variant, run, measure, value) VALUES (%s, %s, %s, %s, %s)
    ON CONFLICT (experiment, variant, measure)
    DO UPDATE SET run = excluded.run, value = excluded.value, recorded_at = now()
"""


async def save_results(
    database: Database, experiment: str, variant: str, run: str, measures: Mapping[str, float | None]
) -> None:
    """The figures of one variant, in place of those it had before."""
    async with database.transaction() as connection, connection.cursor() as cursor:
        await cursor.execute(
            "DELETE FROM core.experiment_result WHERE experiment = %s AND variant = %s", (experiment, variant)
        )
        await cursor.executemany(
            SAVE, [(experiment, variant, run, measure, value) for measure, value in measures.items()]
        )


async def variants_tried(database: Database, experiment: str) -> int:
    """How many variants of this experiment there ever were, those of earlier files too."""
    async with database.transaction() as connection:
        row = await (
            await connection.execute(
                "SELECT count(DISTINCT variant) FROM core.experiment_result WHERE experiment = %s",
                (experiment,),
            )
        ).fetchone()
    return int(row[0]) if row else 0
