"""What a copy of the local parts leaves on this machine, read from /proc without the launcher's own means."""

from __future__ import annotations

import contextlib
from pathlib import Path

LISTEN = "0A"


def traces_of(root: Path) -> list[str]:
    """Living processes that mention the directory in their arguments, environment or working directory."""
    found = []
    for process in Path("/proc").iterdir():
        if not process.name.isdigit():
            continue
        with contextlib.suppress(OSError, ValueError, IndexError):
            if (process / "stat").read_text().rpartition(")")[2].split()[0] in "ZX":
                continue
            told = (process / "cmdline").read_bytes() + b"\0" + (process / "environ").read_bytes()
            place = str((process / "cwd").readlink())
            if str(root).encode() in told or place.startswith(str(root)):
                found.append(f"{process.name}: {told.split(bytes(1))[0].decode(errors='replace')}")
    return found


def listening_ports() -> set[int]:
    """Ports on which somebody on this machine accepts connections."""
    rows = [row for table in ("tcp", "tcp6") for row in Path("/proc/net", table).read_text().splitlines()[1:]]
    return {int(row.split()[1].rpartition(":")[2], 16) for row in rows if row.split()[3] == LISTEN}
