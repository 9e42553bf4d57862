"""Malformed records through a real broker and a real worker, compared one by one; and what they cost the good ones.

Each record must be exactly one dead letter with the reason that its maker names, or one document; its good neighbours, two for
each, must all be documents. The model is a null model: nothing hides what a bad record costs.
"""

from __future__ import annotations

import statistics
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import islice
from random import Random
from typing import TYPE_CHECKING, Any, Final

from streams.adapters.postgres.connection import Database
from streams.benchmarks.malformed import DOCUMENT, Crafted, craft
from streams.benchmarks.texts import posts
from streams.benchmarks.workplace import Workplace, workplace
from streams.wire.outgoing import Outgoing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from streams.benchmarks.texts import Post
    from streams.settings import Settings

NEIGHBOURS: Final = 2
CHUNK: Final = 400
GOOD_A_BAD: Final = 4
"""One bad record after so many good ones: a fifth of the input is bad."""

FOUND: Final = """
    SELECT kafka_partition, kafka_offset, reason FROM core.dead_letter JOIN core.run USING (run_id) WHERE name = %(run)s
    UNION ALL
    SELECT kafka_partition, kafka_offset, 'document' FROM core.document JOIN core.run USING (run_id) WHERE name = %(run)s
    UNION ALL
    SELECT kafka_partition, kafka_offset, 'document' FROM core.document_history JOIN core.run USING (run_id)
    WHERE name = %(run)s
"""


@dataclass(frozen=True, slots=True)
class Plan:
    """How much: records compared, and rounds of so many good records for the throughput."""

    records: int = 10_000
    seed: int = 7
    rounds: int = 5
    round_texts: int = 6_000


@dataclass(frozen=True, slots=True)
class Spoiled:
    """A crafted record among posts."""

    crafted: Crafted

    def record(self, topic: str, _nonce: str) -> Outgoing:
        return outgoing(self.crafted, topic)


@dataclass(slots=True)
class Comparison:
    """Places and what must be found there."""

    expected: dict[tuple[int, int], tuple[str, str]] = field(default_factory=dict)

    def with_found(self, rows: Sequence[tuple[int, int, str]]) -> dict[str, Any]:
        """As expected and wrong, by kind; a record that is found twice or never is wrong."""
        found = defaultdict(list)
        for partition, offset, outcome in rows:
            found[partition, offset].append(outcome)
        right: Counter[str] = Counter()
        wrong: dict[str, Counter[str]] = defaultdict(Counter)
        for place, (kind, expected) in self.expected.items():
            outcomes = found.pop(place, [])
            if outcomes == [expected]:
                right[kind] += 1
            else:
                wrong[kind][f"{expected} → {' and '.join(outcomes) or 'nothing'}"] += 1
        return {
            "records": len(self.expected),
            "as_expected": right.total(),
            "wrong": sum(each.total() for each in wrong.values()),
            "unexpected_rows": len(found),
            "as_expected_by_kind": dict(sorted(right.items())),
            "wrong_by_kind": {kind: dict(each) for kind, each in sorted(wrong.items())},
        }


async def measure(settings: Settings, plan: Plan, tell: Callable[[str], None]) -> dict[str, Any]:
    """The comparison, then the throughput, each with a worker, a topic and a run of its own."""
    nonce = f"{time.time_ns():x}e"
    result = await compare(settings, plan, nonce, tell)
    if plan.rounds:
        result |= await throughput(settings, plan, f"{nonce}t", tell)
    return result


def outgoing(crafted: Crafted, topic: str, partition: int | None = None) -> Outgoing:
    """Stamped a second after its own time, as a prompt producer would."""
    stamp = round((crafted.at + timedelta(seconds=1)).timestamp() * 1000)
    return Outgoing(topic, crafted.value, crafted.name.encode(), stamp, (), partition)


async def compare(settings: Settings, plan: Plan, nonce: str, tell: Callable[[str], None]) -> dict[str, Any]:
    """Publish all of them among good ones, wait until the worker is through, and look at each."""
    comparison = Comparison()
    good = posts(nonce)
    bad = craft(plan.records, Random(plan.seed))  # noqa: S311 - seeded on purpose
    async with workplace(settings, nonce, null=True) as place:
        began = time.perf_counter()
        while chunk := list(islice(bad, CHUNK)):
            await publish_mixed(place, chunk, islice(good, NEIGHBOURS * len(chunk)), comparison, settings)
            await place.wait()
            tell(f"{place.sent} records stored")
        seconds = time.perf_counter() - began
        rows = await found_rows(settings, f"bench-{nonce}")
    return comparison.with_found(rows) | {"seconds": round(seconds, 1), "seed": plan.seed}


async def publish_mixed(
    place: Workplace, bad: Sequence[Crafted], good: Iterator[Post], comparison: Comparison, settings: Settings
) -> None:
    """A good record on either side of each bad one; notes where each has come to lie."""
    records, meant = [], []
    for number, crafted in enumerate(bad):
        partition = number % settings.kafka.partitions
        before, after = (
            replace(next(good).record(place.topic, place.nonce), partition=partition) for _ in range(2)
        )
        records += [before, outgoing(crafted, place.topic, partition), after]
        meant += [
            ("good neighbour", DOCUMENT),
            (crafted.kind, crafted.expected),
            ("good neighbour", DOCUMENT),
        ]
    offsets = await place.publish_placed(records)
    for record, offset, (kind, expected) in zip(records, offsets, meant, strict=True):
        comparison.expected[record.partition or 0, offset] = kind, expected


async def found_rows(settings: Settings, run: str) -> list[tuple[int, int, str]]:
    """What the run has stored, by place."""
    database = Database(settings.postgres.address, 1)
    await database.open()
    try:
        async with database.transaction() as connection:
            return await (await connection.execute(FOUND, {"run": run})).fetchall()
    finally:
        await database.close()


async def throughput(
    settings: Settings, plan: Plan, nonce: str, tell: Callable[[str], None]
) -> dict[str, Any]:
    """Good records a second with a fifth of the input bad, over the same without; rounds in turn, medians."""
    good = posts(nonce)
    bad = craft(10**9, Random(plan.seed))  # noqa: S311 - seeded on purpose
    clean, mixed = [], []
    async with workplace(settings, nonce, null=True) as place:
        await place.through(list(islice(good, 2_000)))
        for number in range(plan.rounds):
            for is_clean in (number % 2 == 0, number % 2 == 1):  # neither always follows the other
                if is_clean:
                    clean.append(await place.rate(list(islice(good, plan.round_texts))))
                else:
                    chunk = list(with_bad(islice(good, plan.round_texts), bad))
                    mixed.append(await place.rate(chunk) * plan.round_texts / len(chunk))
            tell(f"round {number + 1}: {clean[-1]:.0f} good records/s, {mixed[-1]:.0f} with a fifth bad")
    ratios = [m / c for m, c in zip(mixed, clean, strict=True)]
    return {
        "good_per_second": round(statistics.median(clean), 1),
        "good_per_second_with_bad": round(statistics.median(mixed), 1),
        "ratio": round(statistics.median(ratios), 3),
        "ratios": [round(each, 3) for each in ratios],
    }


def with_bad(good: Iterator[Post], bad: Iterator[Crafted]) -> Iterator[Post | Spoiled]:
    """A reject after every fourth good one; those of megabytes are left out."""
    small = (each for each in bad if each.expected != DOCUMENT and len(each.value) < 100_000)
    for number, post in enumerate(good, 1):
        yield post
        if number % GOOD_A_BAD == 0:
            yield Spoiled(next(small))
