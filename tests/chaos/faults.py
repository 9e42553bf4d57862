"""Every kind of fault that a round can suffer, by name."""

from __future__ import annotations

import signal
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.chaos import clocks, servers
from tests.chaos.worker_points import POINTS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from random import Random

    from tests.chaos.scene import Scene


def nothing(scene: Scene) -> None:
    """The round goes undisturbed (but for its workers coming and going)."""
    scene.midway()


def await_death(scene: Scene) -> None:
    scene.await_death()


@dataclass(frozen=True, slots=True)
class Fault:
    """``strike`` runs beside the producer while workers work."""

    name: str
    tells: str
    strike: Callable[[Scene], None] = nothing
    point: str = ""
    """Where the first worker dies by itself."""
    passes: tuple[int, int] = (1, 1)
    """On which pass of it, at least and at most."""
    drains_too: bool = False
    """Whether the draining worker dies there as well."""
    changes: Callable[[Scene], dict[str, str]] = field(default=lambda _: {})
    """Settings of the workers of this round."""
    workers: tuple[int, int] = (1, 3)
    poison: bool = False
    """Whether the round's stream holds a text that kills the model and documents that make a stage raise."""

    def first_point(self, rng: Random) -> str:
        return f"{self.point}:{rng.randint(*self.passes)}" if self.point else ""


def kill_at_random(scene: Scene) -> None:
    """Kill -9 of one to three workers at random moments."""
    for share in sorted(scene.rng.uniform(0.02, 0.7) for _ in range(scene.rng.randint(1, 3))):
        scene.reach(share)
        scene.pause(0, 0.2)
        scene.crew.kill(scene.rng.choice(scene.crew.names()))
        scene.hurt()
        scene.heal()


def rebalance_under_fire(scene: Scene) -> None:
    """Another worker joins; the first dies in the assignment that this causes."""
    scene.midway(0.05, 0.3)
    scene.crew.start("joiner")
    scene.await_death()


def come_and_go(scene: Scene) -> None:
    """Two workers become four; one leaves, one is lost for good, one comes back."""
    scene.midway(0.05, 0.2)
    scene.crew.start("third")
    scene.crew.start("fourth")
    scene.pause(0.5, 3)
    scene.crew.leave("worker0")
    scene.hurt()
    scene.heal()
    scene.pause(0, 2)
    scene.crew.lose("third")
    scene.hurt()
    scene.pause(0, 1)
    scene.crew.start("third")
    scene.heal()


def swallow(scene: Scene) -> None:
    """The stream itself is the fault."""
    scene.midway()
    scene.hurt()


def freeze_worker(scene: Scene) -> None:
    """A worker is stopped for longer than its session lasts, then goes on as if nothing had happened (a zombie)."""
    scene.midway(0.05, 0.4)
    name = scene.rng.choice(scene.crew.names())
    scene.crew.send(name, signal.SIGSTOP)
    scene.hurt()
    scene.pause(6.5, 8)
    scene.crew.send(name, signal.SIGCONT)
    scene.heal()


def _named_points() -> Iterator[Fault]:
    for point, tells in POINTS.items():
        if point == "rebalance":
            yield Fault("kill-rebalance", tells, rebalance_under_fire, point, (1, 4), workers=(1, 2))
        elif point.startswith("closer"):
            passes = (1, 30) if point == "closer" else (1, 2)
            yield Fault(f"kill-{point}", tells, await_death, point, passes, drains_too=True, workers=(1, 2))
        else:
            yield Fault(f"kill-{point}", tells, await_death, point, (1, 6), drains_too=True)


ALL = (
    Fault("kill-random", "kill -9 of workers at random moments", kill_at_random),
    *_named_points(),
    Fault("join-leave", "two workers become four, leave, are lost, come back", come_and_go, workers=(2, 2)),
    Fault(
        "worker-freeze", "a worker stopped beyond its session, then let go on", freeze_worker, workers=(2, 3)
    ),
    Fault("kafka-restart", "Kafka killed or stopped, and started again", servers.restart_kafka),
    Fault("kafka-stall", "Kafka stopped for seconds (SIGSTOP), then let go on", servers.stall_kafka),
    Fault("triton-restart", "Triton killed, and started again", servers.restart_triton),
    Fault("triton-stub", "a model's process killed; Triton's health stays green", servers.kill_stub),
    Fault("triton-stall", "Triton stopped for seconds", servers.stall_triton),
    Fault(
        "postgres-terminate", "all sessions of workers terminated, several times", servers.terminate_sessions
    ),
    Fault("postgres-full", "no room on the disk of the run's tables", servers.fill_disk),
    Fault("postgres-restart", "fast shutdown in the middle of a transaction", servers.restart_postgres),
    Fault(
        "postgres-immediate", "immediate shutdown (or kill -9), recovery from the log", servers.crash_postgres
    ),
    Fault("postgres-stall", "all of Postgres stopped for seconds", servers.stall_postgres),
    Fault(
        "slow",
        "Triton and Postgres behind slow connections",
        servers.crawl,
        changes=servers.slow_roads,
        workers=(1, 2),
    ),
    Fault(
        "clock-jump",
        "the workers' wall clock jumps by months, back and forth",
        clocks.jump,
        changes=clocks.moved,
    ),
    Fault(
        "poison",
        "a text that kills the model's process, documents that make a stage raise, two workers",
        swallow,
        poison=True,
        workers=(2, 2),
    ),
)
FAULTS = {fault.name: fault for fault in ALL}
CALM = Fault("calm", "nothing; for --only")
