"""Alembic underneath `sentiwatch db`: upgrade, downgrade, and whether the schema is where this release expects it."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from psycopg.errors import InsufficientPrivilege

from streams.adapters.postgres.connection import checked, connection_error, first_line, lacks_right
from streams.errors import Misconfigured

if TYPE_CHECKING:
    from collections.abc import Iterator

SCRIPTS = Path(__file__).resolve().parents[3] / "migrations"


@contextmanager
def connection(url: str) -> Iterator[sa.Connection]:
    """A SQLAlchemy connection through psycopg 3.

    Raises:
        Unavailable: the server does not answer.
    """
    engine = sa.create_engine(
        sa.make_url(checked(url)).set(drivername="postgresql+psycopg"), poolclass=sa.NullPool
    )
    try:
        with engine.connect() as opened:
            yield opened
    except sa.exc.OperationalError as error:
        raise connection_error(error.orig or error) from error
    except sa.exc.ProgrammingError as error:
        if not isinstance(error.orig, InsufficientPrivilege):
            raise
        raise lacks_right(error.orig) from error
    except CommandError as error:
        raise Misconfigured(f"the migrations cannot do that: {first_line(error)}") from error
    finally:
        engine.dispose()


def _config(opened: sa.Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    config.attributes["connection"] = opened
    return config


def upgrade(url: str, revision: str = "head") -> str:
    """Bring the schema up to ``revision``; returns the revision reached."""
    with connection(url) as opened:
        command.upgrade(_config(opened), revision)
        if opened.scalar(sa.text("SELECT to_regproc('core.grant_rights') IS NOT NULL")):
            opened.execute(sa.text("SELECT core.grant_rights()"))
        opened.commit()
        return current(opened)


def downgrade(url: str, revision: str = "-1") -> str:
    """Take the schema back to ``revision`` (`base` removes everything); returns the revision reached."""
    with connection(url) as opened:
        command.downgrade(_config(opened), revision)
        opened.commit()
        return current(opened)


def current(opened: sa.Connection) -> str:
    """The revision the database is at; empty if none."""
    return (
        MigrationContext.configure(opened, opts={"version_table_schema": "public"}).get_current_revision()
        or ""
    )


def head() -> str:
    """The newest revision this release carries."""
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    return ScriptDirectory.from_config(config).get_current_head() or ""


def check(url: str) -> str:
    """The revision, if it is the one this release needs.

    Raises:
        Misconfigured: it is another one; the text says which command helps.
    """
    with connection(url) as opened:
        found = current(opened)
    if found != head():
        msg = f"the database is at revision {found or 'none'}, this release needs {head()}: run `sentiwatch db upgrade`"
        raise Misconfigured(msg)
    return found
