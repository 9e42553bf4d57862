"""Connections to Postgres and the one place where psycopg's errors become ours."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING

import psycopg
import psycopg.conninfo
from psycopg import errors
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from streams.errors import Dependency, Misconfigured, Poisonous, Unavailable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from psycopg import AsyncConnection
    from psycopg.rows import TupleRow

CONNECT_SECONDS = 10
CHECK_SECONDS = 5.0
CLOSE_SECONDS = 2.0
WATCH_SECONDS = 5.0
REFUSED = "Postgres refuses the login of SENTIWATCH_POSTGRES__URL"
# libpq tells what no retry will change in words only, as an OperationalError.
REFUSALS = (
    "authentication failed",
    "certificate",
    "does not support SSL",
    "no pg_hba.conf entry",
    "sslmode",
    "private key file",
    "no password supplied",
)
# Retrying helps: the server is away, starting, full, or gave our transaction up for another one.
TRANSIENT = (
    psycopg.OperationalError,
    psycopg.InterfaceError,
    errors.SerializationFailure,
    errors.DeadlockDetected,
    PoolTimeout,
)
# Retrying cannot help: somebody has to change a setting or run the migrations.
SETTINGS = (errors.InvalidPassword, errors.InvalidAuthorizationSpecification, errors.InvalidCatalogName)
# One value of one row is at fault, and would be for ever.
REFUSED_VALUES = (psycopg.DataError, psycopg.IntegrityError, errors.ProgramLimitExceeded)
SCHEMA = (errors.UndefinedTable, errors.UndefinedColumn, errors.InvalidSchemaName)


@contextmanager
def translated() -> Iterator[None]:
    """Psycopg's errors as `Unavailable`, `Misconfigured` or `Poisonous`; bugs pass as they are."""
    try:
        yield
    except SETTINGS as error:
        raise Misconfigured(f"{REFUSED}: {first_line(error)}") from error
    except errors.InsufficientPrivilege as error:
        raise lacks_right(error) from error
    except SCHEMA as error:
        msg = f"the database schema does not fit ({first_line(error)}): run `sentiwatch db upgrade`"
        raise Misconfigured(msg) from error
    except REFUSED_VALUES as error:
        # The server's own words quote the value, the names of table and constraint do not.
        told = (type(error).__name__, error.sqlstate, error.diag.table_name, error.diag.constraint_name)
        raise Poisonous(f"Postgres refuses a value: {' '.join(filter(None, told))}") from error
    except TRANSIENT as error:
        raise connection_error(error) from error


def lacks_right(error: BaseException) -> Misconfigured:
    """The login may not do that."""
    return Misconfigured(
        f"this login to Postgres lacks a right ({first_line(error)}): `sentiwatch doctor` tells its role"
    )


def connection_error(error: BaseException) -> Misconfigured | Unavailable:
    """What a failed connection means: a refused login or certificate stays refused, all else may pass."""
    refusal = next((line for line in lines(error) if any(words in line for words in REFUSALS)), None)
    if refusal is None:
        return Unavailable(f"Postgres does not answer: {first_line(error)}", Dependency.POSTGRES)
    # libpq repeats host and user, which is right, and a refused client certificate's file, but never a password.
    return Misconfigured(f"{REFUSED}: {refusal.removeprefix('connection failed: ')}")


def lines(error: BaseException) -> list[str]:
    """The error's lines that say something."""
    return [line.strip() for line in str(error).splitlines() if line.strip()]


def first_line(error: BaseException) -> str:
    """The error's first line; libpq's messages name hosts and users, never passwords."""
    return next(iter(lines(error)), type(error).__name__)


def checked(url: str) -> str:
    """The address, if libpq understands it. Its own words would repeat the password: ours do not.

    Raises:
        Misconfigured: it is not of the form of a Postgres address.
    """
    plain = url.replace("postgresql+psycopg://", "postgresql://", 1)
    try:
        psycopg.conninfo.conninfo_to_dict(plain)
        form = plain.startswith(("postgresql://", "postgres://"))
    except psycopg.ProgrammingError:
        form = False
    if not form:
        raise Misconfigured(
            "SENTIWATCH_POSTGRES__URL is not of the form"
            " postgresql://user:password@host:port/database"  # pragma: allowlist secret
            " (special characters percent-encoded)"
        ) from None
    return plain


class Database:
    """A pool of connections; open it inside the running loop.

    A server that has stopped answering (a frozen machine, a network that swallows packets) leaves a connection open and
    silent. So every transaction is watched: while one is under way, the server is asked on a connection of its own now and
    then, and when it does not answer, or a bounded transaction takes too long, the transaction's socket is shut down. That
    ends its wait at once and leaves the outcome to the server, as a broken line does.
    """

    def __init__(self, url: str, size: int) -> None:
        self._url = checked(url)
        self._under_way: set[AsyncConnection[TupleRow]] = set()
        self._watching: asyncio.Task[None] | None = None
        self._pool = AsyncConnectionPool(
            self._url,
            min_size=1,
            max_size=size,
            open=False,
            timeout=CONNECT_SECONDS,
            kwargs={"connect_timeout": CONNECT_SECONDS, "application_name": "sentiwatch"},
            check=self._check,
        )

    async def _check(self, connection: AsyncConnection[TupleRow]) -> None:
        with self._watched(connection, CHECK_SECONDS):
            await AsyncConnectionPool.check_connection(connection)

    async def open(self) -> None:
        """Connect once, so that a wrong address shows now.

        Raises:
            Unavailable: nothing answers.
            Misconfigured: the login is refused.
        """
        with translated():
            await self._ask()
            await self._pool.open()
        self._watching = asyncio.ensure_future(self._watch())

    async def _ask(self) -> None:
        async with await psycopg.AsyncConnection.connect(self._url, connect_timeout=CONNECT_SECONDS) as probe:
            await probe.execute("SELECT 1")

    async def close(self) -> None:
        if self._watching is not None:
            self._watching.cancel()
        await self._pool.close(timeout=CLOSE_SECONDS)

    @asynccontextmanager
    async def transaction(self, seconds: float | None = None) -> AsyncIterator[AsyncConnection[TupleRow]]:
        """One transaction: committed at the end of the block, rolled back on any exception.

        Args:
            seconds: longest time it may take; without it, as long as the server answers others.
        """
        with translated():
            async with self._pool.connection() as connection:
                with self._watched(connection, seconds):
                    async with connection.transaction():
                        yield connection

    @asynccontextmanager
    async def autocommit(self) -> AsyncIterator[AsyncConnection[TupleRow]]:
        """A connection whose every statement commits by itself, as `… CONCURRENTLY` needs."""
        with translated():
            async with self._pool.connection() as connection:
                await connection.set_autocommit(True)
                try:
                    yield connection
                finally:
                    await connection.set_autocommit(False)

    @contextmanager
    def _watched(self, connection: AsyncConnection[TupleRow], seconds: float | None) -> Iterator[None]:
        timer = asyncio.get_running_loop().call_later(seconds, hang_up, connection) if seconds else None
        self._under_way.add(connection)
        try:
            yield
        finally:
            self._under_way.discard(connection)
            if timer is not None:
                timer.cancel()

    async def _watch(self) -> None:
        """Ask the server while transactions are under way; no answer ends them."""
        while True:
            began = set(self._under_way)
            await asyncio.sleep(WATCH_SECONDS)
            if not began & self._under_way:
                continue
            try:
                async with asyncio.timeout(WATCH_SECONDS):
                    await self._ask()
            except (TimeoutError, psycopg.Error):
                self.hang_up()

    def hang_up(self) -> None:
        """Break off every transaction that is under way; each ends as `Unavailable`."""
        for connection in self._under_way:
            hang_up(connection)


def hang_up(connection: AsyncConnection[TupleRow]) -> None:
    """Shut the socket down and leave the file to libpq, which reads the end of the stream and says so."""
    if connection.closed:
        return
    with contextlib.suppress(OSError), socket.socket(fileno=os.dup(connection.fileno())) as line:
        line.shutdown(socket.SHUT_RDWR)
