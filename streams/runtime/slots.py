"""Instance ids for static membership: unique among the workers of a host, and the same again after a crash.

With the same id a worker killed with kill -9 goes on within seconds of its restart; a new id would wait for the old one's
session to time out.
"""

from __future__ import annotations

import fcntl
import hashlib
import socket
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from streams.errors import Misconfigured

if TYPE_CHECKING:
    from collections.abc import Iterator

SLOTS = 64


@contextmanager
def instance_slot(group: str, bootstrap: str) -> Iterator[str]:
    """Hold the first free slot of this host: an id such as `host-0`. The kernel frees it when the process dies."""
    scope = hashlib.sha256(f"{group}\x1f{bootstrap}".encode()).hexdigest()[:12]
    folder = Path(tempfile.gettempdir()) / f"sentiwatch-slots-{scope}"
    folder.mkdir(mode=0o700, exist_ok=True)
    for slot in range(SLOTS):
        with (folder / f"{slot}.lock").open("w") as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            yield f"{socket.gethostname()}-{slot}"
            return
    msg = f"{SLOTS} workers of group {group} run on this host already; set SENTIWATCH_KAFKA__INSTANCE_ID"
    raise Misconfigured(msg)
