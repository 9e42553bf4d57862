"""Faults of the servers that workers depend on."""

from __future__ import annotations

import contextlib
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
from tritonclient import grpc

from streams.local.processes import owned, send
from tests.chaos.place import wait_for
from tests.chaos.road import SlowRoad

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streams.local.processes import ProcessId
    from tests.chaos.scene import Scene


def _restart(scene: Scene, part: str, number: signal.Signals) -> None:
    scene.place.parts.kill(part, number)
    scene.hurt()
    scene.pause(0, 1.5)
    scene.place.parts.start(part)
    scene.heal()


def restart_kafka(scene: Scene) -> None:
    """In the middle of the flow, by accident or in order; what it has on disk it finds again."""
    scene.midway()
    with scene.publishing:
        _restart(scene, "kafka", scene.rng.choice((signal.SIGKILL, signal.SIGTERM)))


def restart_triton(scene: Scene) -> None:
    scene.midway(0.0, 0.5)
    _restart(scene, "triton", scene.rng.choice((signal.SIGKILL, signal.SIGTERM)))


def restart_postgres(scene: Scene) -> None:
    """A fast shutdown while a batch's transaction is open."""
    scene.midway(0.05, 0.5)
    with _open_transaction(scene):
        _restart(scene, "postgres", signal.SIGINT)


def crash_postgres(scene: Scene) -> None:
    """The server's own emergency exit, or kill -9 of its first process."""
    scene.midway(0.05, 0.5)
    number = scene.rng.choice((signal.SIGQUIT, signal.SIGKILL))
    with _open_transaction(scene):
        _restart(scene, "postgres", number)


@contextlib.contextmanager
def _open_transaction(scene: Scene) -> Iterator[None]:
    """Hold the run's progress rows, so that a worker's transaction is open and waits; both die with the server."""
    with contextlib.suppress(psycopg.Error):
        holder = psycopg.connect(scene.place.url, application_name="chaos")
        with contextlib.closing(holder):
            holder.execute(
                "SELECT 1 FROM core.source_progress JOIN core.run USING (run_id) WHERE name = %s"
                " FOR UPDATE OF source_progress",
                (scene.run,),
            )
            with contextlib.suppress(TimeoutError):
                wait_for(lambda: _waiting(scene), "a worker's transaction waits", 5)
            yield


def _waiting(scene: Scene) -> bool:
    with scene.place.database(admin=True) as connection:
        row = connection.execute(
            "SELECT 1 FROM pg_stat_activity WHERE application_name = 'sentiwatch' AND wait_event_type = 'Lock'"
        ).fetchone()
    return row is not None


def terminate_sessions(scene: Scene) -> None:
    for share in sorted(scene.rng.uniform(0.05, 0.7) for _ in range(scene.rng.randint(1, 4))):
        scene.reach(share)
        with scene.place.database(admin=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'sentiwatch'"
            )
        scene.hurt()
        scene.heal()


def fill_disk(scene: Scene) -> None:
    scene.midway(0.05, 0.5)
    scene.place.disk.fill(scene.place.admin_url, scene.run)
    scene.hurt()
    scene.pause(1, 3)
    scene.place.disk.free(scene.place.admin_url, scene.run)
    scene.heal()


def _stall(scene: Scene, part: str) -> None:
    """Stop all processes of a part, the younger ones first, and let them go on after a while."""
    scene.midway()
    place = scene.place.parts
    processes = owned(place._parts[part].ownership(place.store.read(part).process))
    for process in reversed(processes):
        send(process, signal.SIGSTOP)
    scene.hurt()
    try:
        scene.pause(1, 4)
    finally:
        for process in processes:
            send(process, signal.SIGCONT)
    scene.heal()


def stall_kafka(scene: Scene) -> None:
    _stall(scene, "kafka")


def stall_triton(scene: Scene) -> None:
    _stall(scene, "triton")


def stall_postgres(scene: Scene) -> None:
    _stall(scene, "postgres")


def kill_stub(scene: Scene) -> None:
    """One model's process dies; the server stays ready. The workers themselves must have the model loaded anew."""
    scene.midway(0.0, 0.4)
    wait_for(lambda: _stubs(scene), "a process of a model runs", 30)
    send(scene.rng.choice(_stubs(scene)), signal.SIGKILL)
    scene.hurt()
    scene.heal()
    client = grpc.InferenceServerClient(scene.place.addresses.triton)
    with contextlib.closing(client):
        assert client.is_server_ready(), "health is said to stay green"


def _stubs(scene: Scene) -> list[ProcessId]:
    parts = scene.place.parts
    processes = owned(parts._parts["triton"].ownership(parts.store.read("triton").process))
    return [process for process in processes if _is_stub(process.pid)]


def _is_stub(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return b"triton_python_backend_stub" in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0]
    return False


def slow_roads(scene: Scene) -> dict[str, str]:
    """Addresses of Triton and Postgres that lead through slow connections; they end with the round."""
    triton, postgres = scene.place.addresses.triton or "", scene.place.url
    secret, _, rest = postgres.rpartition("@")
    place, _, name = rest.partition("/")
    roads = [SlowRoad(place_of, scene.rng.uniform(0.001, 0.008)) for place_of in (triton, place)]
    scene.roads += roads
    return {
        "SENTIWATCH_TRITON__URL": roads[0].address,
        "SENTIWATCH_POSTGRES__URL": f"{secret}@{roads[1].address}/{name}",
    }


def crawl(scene: Scene) -> None:
    """Slow all the time, and for a while not moving at all."""
    scene.midway(0.05, 0.4)
    for road in scene.roads:
        road.closed = True
    scene.hurt()
    scene.pause(1, 3)
    for road in scene.roads:
        road.closed = False
    scene.heal()
