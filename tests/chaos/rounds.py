"""One round: publish, disturb, drain, and judge."""

from __future__ import annotations

import asyncio
import shutil
import signal
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING

from streams.adapters.kafka.producer import KafkaProducer
from streams.wire.outgoing import Outgoing
from streams.wire.times import milliseconds
from tests.chaos.crew import Crew
from tests.chaos.fold import fold
from tests.chaos.place import wait_for
from tests.chaos.scene import PATIENCE, Scene
from tests.chaos.stream import write_stream
from tests.chaos.tables import compare, stored_rows

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.chaos.faults import Fault
    from tests.chaos.fold import Expected
    from tests.chaos.ledger import Entry, Ledger
    from tests.chaos.place import Place

FIRST_SHARE = 0.4
"""Published before any worker starts; the rest comes while they work."""
CHUNKS = 6
CHUNK_SECONDS = 0.35
PACE = "0.08"


@dataclass(frozen=True, slots=True)
class Plan:
    """What one round is to be; everything random of it follows from ``seed``."""

    number: int
    seed: str
    stream: int
    fault: Fault
    sabotage: str = "none"

    @property
    def stream_key(self) -> tuple[int, bool]:
        return self.stream, self.fault.poison


@dataclass(slots=True)
class Outcome:
    """How a round went. It is right iff ``problems`` is empty."""

    number: int
    fault: str
    stream: int
    workers: int = 0
    hits: int = 0
    lost: int = 0
    doubled: int = 0
    same: bool = False
    recovery: list[float] = field(default_factory=list)
    seconds: float = 0.0
    problems: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    """What is worth a look and harms no row: a worker that was told to end and met an error on the way."""


@dataclass(slots=True)
class Stream:
    """A ledger with all that is compared against; the undisturbed run is made once and shared by rounds and jobs."""

    ledger: Ledger
    expected: Expected
    lock: threading.Lock = field(default_factory=threading.Lock)
    undisturbed: dict[str, str] = field(default_factory=dict)

    @classmethod
    def written(cls, seed: int, poison: bool) -> Stream:  # noqa: FBT001 - a pair that is a key
        ledger = write_stream(seed, poison=poison)
        return cls(ledger, fold(ledger))


def publish(place: Place, entries: Sequence[Entry]) -> None:
    """In order, to the ledger's partitions; returns once all are confirmed."""

    async def send() -> None:
        async with KafkaProducer.connect(place.kafka) as producer:
            await producer.publish(map(record, entries))

    asyncio.run(send())


def record(entry: Entry) -> Outgoing:
    return Outgoing(
        entry.topic,
        entry.value,
        key=b"-",
        timestamp_ms=milliseconds(entry.timestamp),
        partition=entry.partition,
    )


class Round:
    """Runs one plan at one place."""

    def __init__(self, place: Place, plan: Plan, stream: Stream, folder: Path) -> None:
        self._place = place
        self._plan = plan
        self._stream = stream
        self._folder = folder
        self._rng = Random(plan.seed)
        self._run = f"round-{plan.number}"
        self.outcome = Outcome(plan.number, plan.fault.name, plan.stream)

    def play(self) -> Outcome:
        """The outcome; what goes wrong is told there, never raised."""
        began = time.monotonic()
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir(parents=True)
        try:
            self._refer()
            self._place.empty_topics()
            self._disturb()
            self._judge()
        except Exception as error:  # noqa: BLE001 - a round that breaks is a failed round, not the end of all
            self._note(f"{type(error).__name__}: {error}")
        self._clean_up()
        self.outcome.seconds = round(time.monotonic() - began, 2)
        return self.outcome

    def _note(self, problem: str) -> None:
        self.outcome.problems.append(problem)

    def _refer(self) -> None:
        """The undisturbed run of this stream, once."""
        with self._stream.lock:
            if self._stream.undisturbed:
                return
            run = f"undisturbed-{self._plan.stream}"
            self._place.empty_topics()
            publish(self._place, self._stream.ledger.entries)
            with Crew(self._place, run, self._folder / "undisturbed.log", {}) as crew:
                crew.drain("", PATIENCE)
            found = self._differences(run)
            if found.told:
                raise AssertionError("undisturbed: " + "; ".join(found.told))
            self._stream.undisturbed = self._place.fingerprint(run)
            self._place.drop(run)

    def _disturb(self) -> None:
        plan, rng, entries = self._plan, self._rng, self._stream.ledger.entries
        self._place.clear_scores(rng.randrange(2**31))
        cut = int(FIRST_SHARE * len(entries))
        publish(self._place, entries[:cut])
        settings = {"CHAOS_PACE": PACE, "CHAOS_SABOTAGE": plan.sabotage}
        with Crew(self._place, self._run, self._folder / "workers.log", settings) as crew:
            scene = Scene(self._place, crew, self._run, len(entries), rng, self._folder)
            try:
                self._strike(scene, entries[cut:])
            finally:
                self._end(scene)

    def _strike(self, scene: Scene, rest: Sequence[Entry]) -> None:
        """The fault, beside workers that work and a producer that publishes."""
        fault = self._plan.fault
        changes = fault.changes(scene)
        self.outcome.workers = self._rng.randint(*fault.workers)
        for number in range(self.outcome.workers):
            point = fault.first_point(self._rng) if number == 0 else ""
            scene.crew.start(f"worker{number}", point=point, **changes)
        producer = threading.Thread(target=self._publish_rest, args=(scene, rest))
        producer.start()
        try:
            fault.strike(scene)
        finally:
            producer.join()
        self._drain(scene, changes)

    def _publish_rest(self, scene: Scene, entries: Sequence[Entry]) -> None:
        with suppress(TimeoutError):  # a fault may keep it away; the rest comes anyway
            wait_for(lambda: self._place.stored(self._run) > 0, "the first record is stored", 20)
        try:
            size = -(-len(entries) // CHUNKS)
            for start in range(0, len(entries), size):
                with scene.publishing:
                    publish(self._place, entries[start : start + size])
                time.sleep(CHUNK_SECONDS)
        except Exception as error:  # noqa: BLE001 - told as a problem of the round
            self._note(f"the producer failed: {type(error).__name__}: {error}")

    def _drain(self, scene: Scene, changes: dict[str, str]) -> None:
        """The serving workers leave, one worker drains; some faults strike it too."""
        fault = self._plan.fault
        for name in scene.crew.names():
            scene.crew.leave(name)
        point = fault.first_point(self._rng) if fault.drains_too else ""
        deaths = len(scene.crew.deaths)
        scene.crew.drain(point, PATIENCE, **changes)
        if fault.drains_too and len(scene.crew.deaths) > deaths:
            scene.hurt()
        codes = scene.crew.finish(PATIENCE)
        # -15: told to end before Python had come to the program
        if any(code not in {0, -signal.SIGKILL, -signal.SIGTERM} for code in codes):
            self.outcome.remarks.append(f"workers ended with {codes}")

    def _end(self, scene: Scene) -> None:
        """What the faults have told and left, however the round ended."""
        for road in scene.roads:
            road.close()
        scene.settle(0.0 if sys.exc_info()[0] else PATIENCE)
        self.outcome.hits = scene.hits
        self.outcome.recovery = [round(seconds, 2) for seconds in scene.recovery]

    def _differences(self, run: str):
        with self._place.database() as connection:
            return compare(self._stream.expected, stored_rows(connection, run))

    def _judge(self) -> None:
        if self._place.ends() != self._stream.ledger.ends():
            self._note("the topics do not hold what the ledger says: the harness is at fault")
        found = self._differences(self._run)
        self.outcome.lost, self.outcome.doubled = found.lost, found.doubled
        self.outcome.problems += found.told
        tables = self._place.fingerprint(self._run)
        differing = sorted(
            name for name, digest in tables.items() if self._stream.undisturbed[name] != digest
        )
        self.outcome.same = not differing
        if differing:
            self._note(f"not the undisturbed run's rows: {', '.join(differing)}")
        self._judge_leftovers()

    def _judge_leftovers(self) -> None:
        """Consumer lag, alerts of the planted bursts, the outbox, dirty windows, and what still runs."""
        ends, committed = self._stream.ledger.ends(), self._place.committed(self._run)
        lag = {
            place: end - committed.get(place, 0)
            for place, end in ends.items()
            if committed.get(place, 0) != end
        }
        if lag:
            self._note(f"Kafka remembers a lag of {lag}")
        query = (
            "SELECT DISTINCT entity_id FROM core.alert_episode JOIN core.run USING (run_id) WHERE name = %s"
        )
        with self._place.database() as connection:
            alarmed = {row[0] for row in connection.execute(query, (self._run,)).fetchall()}
            for table, open_rows in (("dirty_window", ""), ("outbox", " AND published_at IS NULL")):
                left = connection.execute(
                    f"SELECT count(*) FROM core.{table} JOIN core.run USING (run_id) WHERE name = %s{open_rows}",  # noqa: S608
                    (self._run,),
                ).fetchone()
                if left and left[0]:
                    self._note(f"{left[0]} rows left in {table}")
        if not self._stream.ledger.alarmed <= alarmed:
            self._note(f"no alert about {sorted(self._stream.ledger.alarmed - alarmed)}")

    def _clean_up(self) -> None:
        """The parts as before the round; what is left running is an orphan."""
        try:
            wait_for(lambda: not self._place.processes(), "no worker is left", 5)
        except TimeoutError:
            self._note(f"orphans: {self._place.processes()}")
        try:
            self._place.parts.up()
            self._place.disk.free(self._place.admin_url, self._run)
            wait_for(lambda: self._place.sessions() == 0, "no session is left", 10)
            self._place.drop(self._run)
        except Exception as error:  # noqa: BLE001 - told as a problem of the round
            self._note(f"afterwards: {type(error).__name__}: {error}")
