from __future__ import annotations

import socket

from streams.local.sockets import LOOPBACK, choose, is_free


def test_port_is_kept_while_it_is_free() -> None:
    first = choose(["broker", "controller"], {}, set())
    assert choose(["broker", "controller"], first, set()) == first


def test_port_taken_by_somebody_else_is_replaced() -> None:
    kept = choose(["broker"], {}, set())
    with socket.socket() as other:
        other.bind((LOOPBACK, kept["broker"]))
        other.listen(1)
        assert not is_free(kept["broker"])
        assert choose(["broker"], kept, set()) != kept


def test_two_parts_of_one_start_never_share_a_port() -> None:
    taken: set[int] = set()
    first = choose(["http"], {}, taken)
    assert choose(["broker"], {"broker": first["http"]}, taken)["broker"] != first["http"]
