"""With which rights, and how well protected, this login talks to Postgres."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from streams.adapters.postgres.connection import Database

GROUPS = ("sentiwatch_writer", "sentiwatch_retention", "bi_reader")
ACCESS = """
    SELECT current_user,
           (SELECT CASE WHEN ssl THEN version ELSE '' END FROM pg_stat_ssl WHERE pid = pg_backend_pid()),
           (SELECT rolsuper FROM pg_roles WHERE rolname = current_user),
           (SELECT pg_has_role(relowner, 'USAGE') FROM pg_class WHERE oid = to_regclass('core.document')),
           (SELECT coalesce(array_agg(rolname ORDER BY rolname), '{}') FROM pg_roles
            WHERE rolname = ANY(%s) AND pg_has_role(oid, 'MEMBER'))
"""


@dataclass(frozen=True, slots=True)
class Access:
    """``tls`` is the protocol's version, empty without TLS; ``roles`` are those of ours that the login is a member of."""

    login: str
    tls: str
    is_superuser: bool
    is_owner: bool
    roles: tuple[str, ...]

    def __str__(self) -> str:
        if self.is_superuser:
            rights = "a superuser: fit for nothing of ours"
        elif self.is_owner:
            rights = (
                "owns the tables: fit for `sentiwatch db` and `erase`; a worker needs sentiwatch_writer only"
            )
        else:
            rights = ", ".join(self.roles) or "no role of ours"
        return f"{self.tls or 'no TLS'}, login {self.login} ({rights})"


async def access(database: Database) -> Access:
    """How this login stands.

    Raises:
        Unavailable, Misconfigured: as every connection does.
    """
    async with database.transaction() as connection:
        row = await (await connection.execute(ACCESS, (list(GROUPS),))).fetchone() or (
            "",
            "",
            False,
            False,
            [],
        )
    return Access(row[0], row[1] or "", bool(row[2]), bool(row[3]), tuple(row[4]))
