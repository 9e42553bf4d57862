"""Stored model answers, and the registry of model versions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from streams.adapters.postgres import arrays
from streams.domain.document import Probabilities
from streams.domain.score import ScoreKey

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from streams.adapters.postgres.connection import Database
    from streams.domain.score import ModelInfo


LONGEST_LOOKUP = 30.0


class PostgresScoreStore:
    """`core.score`, read by text hash and target. Answers are written with the batch that needed them first."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def lookup(
        self, model: str, version: str, keys: Sequence[ScoreKey]
    ) -> dict[ScoreKey, Probabilities]:
        """The stored ones among ``keys``; see `streams.ports.ScoreStore`."""
        async with self._database.transaction(LONGEST_LOOKUP) as connection:
            cursor = await connection.execute(
                "SELECT text_hash, target, probabilities FROM core.score"
                " JOIN unnest(%s::bytea[], %s::text[]) AS wanted (text_hash, target) USING (text_hash, target)"
                " WHERE model = %s AND model_version = %s",
                (
                    arrays.binaries(key.text_hash for key in keys),
                    arrays.texts(key.target for key in keys),
                    model,
                    version,
                ),
            )
            rows = await cursor.fetchall()
        return {ScoreKey(bytes(row[0]), row[1]): Probabilities(tuple(row[2])) for row in rows}

    async def note_models(self, infos: Iterable[ModelInfo]) -> None:
        """Record which versions score documents here."""
        async with self._database.transaction() as connection, connection.cursor() as cursor:
            await cursor.executemany(
                "INSERT INTO core.model_version (model, version, labels) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
                [(info.model, info.version, list(info.labels)) for info in infos],
            )
