"""Free ports on loopback, below the range the kernel lends to outgoing connections.

A part that was killed must get its port back: a client that reconnects in the meantime may be lent that very
port from the ephemeral range (and even connect to itself), so the parts stay out of that range.
"""

from __future__ import annotations

import random
import socket
from pathlib import Path
from typing import TYPE_CHECKING

from streams.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

LOOPBACK = "127.0.0.1"
LOWEST = 20_000


def is_free(port: int) -> bool:
    """Whether a server could listen there now (connections of a former server may still linger)."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
            probe.listen(1)
        except OSError:
            return False
    return True


def choose(names: Iterable[str], kept: Mapping[str, int], taken: set[int]) -> dict[str, int]:
    """A port for each name: the kept one if still free, else a new one; adds them to ``taken``.

    Raises:
        Unavailable: no port is free.
    """
    ports = {}
    for name in names:
        port = kept.get(name, 0)
        ports[name] = port if port and port not in taken and is_free(port) else _new(taken)
        taken.add(ports[name])
    return ports


def _new(taken: set[int]) -> int:
    draw = random.SystemRandom()
    for _ in range(1000):
        port = draw.randrange(LOWEST, _ephemeral_start())
        if port not in taken and is_free(port):
            return port
    raise Unavailable(f"no free port between {LOWEST} and {_ephemeral_start()} on {LOOPBACK}")


def _ephemeral_start() -> int:
    try:
        first = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    except (OSError, ValueError, IndexError):
        first = 32_768
    return first if first > LOWEST + 1000 else 60_999
