"""Many rounds over a few jobs, each job at a place of its own."""

from __future__ import annotations

import queue
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

from tests.chaos.place import Place
from tests.chaos.rounds import Outcome, Plan, Round, Stream

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from tests.chaos.faults import Fault

ROUNDS_A_STREAM = 20


def plan_rounds(rounds: int, seed: int, faults: Sequence[Fault], sabotage: str = "none") -> list[Plan]:
    """Every fault equally often, in a seeded order; about twenty rounds share a stream."""
    rng = Random(seed)
    order: list[Fault] = []
    while len(order) < rounds:
        order += rng.sample(faults, len(faults))
    streams = max(1, rounds // ROUNDS_A_STREAM)
    return [
        Plan(number, f"{seed}/{number}", seed * 1_000 + number * streams // rounds, fault, sabotage)
        for number, fault in enumerate(order[:rounds])
    ]


@dataclass
class Runner:
    """``tell`` is called with each outcome as it comes."""

    root: Path
    tell: Callable[[Outcome], None]
    jobs: int = 1

    def run(self, plans: Sequence[Plan]) -> list[Outcome]:
        """All outcomes in the order of the plans; the parts are gone afterwards."""
        waiting: queue.SimpleQueue[Plan] = queue.SimpleQueue()
        for plan in plans:
            waiting.put(plan)
        streams = {key: Stream.written(*key) for key in sorted({plan.stream_key for plan in plans})}
        outcomes: list[Outcome] = []
        ended = threading.Event()
        with ExitStack() as stack:
            places = [stack.enter_context(Place(self.root / f"job{n}")) for n in range(self.jobs)]
            stack.callback(ended.set)
            pool = stack.enter_context(ThreadPoolExecutor(self.jobs))
            stack.callback(ended.set)
            works = [pool.submit(self._work, place, waiting, streams, outcomes, ended) for place in places]
            for work in works:
                work.result()
        return sorted(outcomes, key=lambda outcome: outcome.number)

    def _work(
        self,
        place: Place,
        waiting: queue.SimpleQueue[Plan],
        streams: dict[tuple[int, bool], Stream],
        outcomes: list[Outcome],
        ended: threading.Event,
    ) -> None:
        while not ended.is_set():
            try:
                plan = waiting.get_nowait()
            except queue.Empty:
                return
            folder = self.root / "log" / f"round-{plan.number:03d}"
            outcome = Round(place, plan, streams[plan.stream_key], folder).play()
            outcomes.append(outcome)
            self.tell(outcome)
