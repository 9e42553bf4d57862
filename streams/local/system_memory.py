"""Removal of a System V shared memory segment that nobody uses any more."""

from __future__ import annotations

import ctypes
from pathlib import Path

TABLE = Path("/proc/sysvipc/shm")
IPC_RMID = 0


def remove_segment(key: int, identifier: int) -> bool:
    """Remove it if it is still the one meant (same key) and nobody is attached; False otherwise."""
    if not _abandoned(key, identifier):
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    return bool(libc.shmctl(identifier, IPC_RMID, None) == 0)


def _abandoned(key: int, identifier: int) -> bool:
    try:
        header, *rows = TABLE.read_text().splitlines()
    except (OSError, ValueError):
        return False
    names = header.split()
    for row in rows:
        found = dict(zip(names, row.split(), strict=False))
        if found.get("key") == str(key) and found.get("shmid") == str(identifier):
            return found.get("nattch") == "0"
    return False
