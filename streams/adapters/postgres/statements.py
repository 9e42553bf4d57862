"""One connection on behalf of one run: what the parts of the closer's transaction share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from psycopg import AsyncConnection

    from streams.adapters.postgres.runs import Run
    from streams.settings import Settings


class Statements:
    """Runs statements in the caller's transaction.

    ``%(run)s`` is always given, and ``%(rows)s``: the run whose documents are read, which is another one in a rehearsal.
    """

    def __init__(self, connection: AsyncConnection[Any], run: Run, settings: Settings) -> None:
        self._connection = connection
        self._run = run
        self._day_cut = settings.time.day_cut

    async def _fetch(self, statement: str, **values: Any) -> list[tuple[Any, ...]]:
        cursor = await self._connection.execute(
            statement, {"run": self._run.run_id, "rows": self._run.rows_id, **values}
        )
        return await cursor.fetchall()

    async def _execute(self, statement: str, **values: Any) -> None:
        await self._connection.execute(
            statement, {"run": self._run.run_id, "rows": self._run.rows_id, **values}
        )
