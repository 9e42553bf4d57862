"""A small disk that can be filled: a file system in memory, mounted, with a tablespace on it.

Where mounting is not allowed (no root), a trigger refuses every write with the very error of a full disk instead.
"""

from __future__ import annotations

import os
import pwd
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

SIZE = "96m"
PIECE = bytes(4096)
QUOTA = """
    CREATE OR REPLACE FUNCTION chaos_full() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100'; END $$
"""


@dataclass
class SmallDisk:
    """``mounted`` tells which of the two it is."""

    path: Path
    mounted: bool = False

    def offer(self, admin_url: str) -> None:
        """Make the disk and let new tables go onto it."""
        self.path.mkdir(parents=True, exist_ok=True)
        self.remove()
        self.path.mkdir(parents=True, exist_ok=True)
        if os.geteuid() == 0:
            options = f"size={SIZE},mode=0700"
            done = subprocess.run(
                ["mount", "-t", "tmpfs", "-o", options, "chaos", str(self.path)],
                capture_output=True,
                check=False,
            )
            self.mounted = done.returncode == 0
        if not self.mounted:
            return
        space = self.path / "space"
        space.mkdir()
        owner = _server_user(admin_url)
        os.chown(self.path, owner, owner)
        os.chown(space, owner, owner)
        with psycopg.connect(admin_url, autocommit=True) as connection:
            connection.execute(f"CREATE TABLESPACE chaos OWNER sentiwatch LOCATION '{space}'")
            connection.execute("ALTER DATABASE sentiwatch SET default_tablespace = chaos")

    def fill(self, admin_url: str, run: str) -> None:
        """From now on nothing that grows can be written."""
        if self.mounted:
            with suppress(OSError), (self.path / "ballast").open("wb", buffering=0) as ballast:
                while ballast.write(PIECE):  # until there is no room for another page
                    pass
            return
        with psycopg.connect(admin_url, autocommit=True) as connection:
            connection.execute(QUOTA)
            for table in _leaves(connection, run):
                connection.execute(
                    f"CREATE TRIGGER chaos_full BEFORE INSERT ON {table} EXECUTE FUNCTION chaos_full()"
                )

    def free(self, admin_url: str, run: str) -> None:
        """Room again."""
        if self.mounted:
            (self.path / "ballast").unlink(missing_ok=True)
            return
        with psycopg.connect(admin_url, autocommit=True) as connection:
            for table in _leaves(connection, run):
                connection.execute(f"DROP TRIGGER IF EXISTS chaos_full ON {table}")

    def remove(self) -> None:
        if self.path.is_mount():
            subprocess.run(["umount", str(self.path)], check=True)
        self.mounted = False
        if self.path.is_dir():
            self.path.rmdir()


def _server_user(admin_url: str) -> int:
    """Whom the server's files belong to, as the kernel sees it."""
    with psycopg.connect(admin_url) as connection:
        row = connection.execute("SHOW data_directory").fetchone()
    return Path(row[0]).stat().st_uid if row else pwd.getpwnam("nobody").pw_uid


def _leaves(connection: psycopg.Connection[Any], run: str) -> list[str]:
    """Tables that the run's rows go into."""
    rows = connection.execute(
        "SELECT c.oid::regclass::text FROM pg_class c JOIN core.run r ON r.name = %s"
        " WHERE c.relkind = 'r' AND c.relname ~ ('_r' || r.run_id || '(_|$)')",
        (run,),
    ).fetchall()
    return [row[0] for row in rows]
