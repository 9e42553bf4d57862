"""What does not grow: the cost of a document with what is stored already, and the worker's memory with what it has done.

One worker with a null model is fed without end; at each checkpoint the rate since the last one and the resident memory are
noted. Windows are closed meanwhile, as in service.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from streams.benchmarks.texts import posts
from streams.benchmarks.workplace import resident_mb, workplace

if TYPE_CHECKING:
    from collections.abc import Callable

    from streams.settings import Settings

CHUNK = 5_000
WARM_RECORDS = 5_000
CHECKPOINTS = 20


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The stretch that ends with so many documents stored."""

    stored: int
    documents_per_second: float
    microseconds_per_document: float
    resident_mb: float


async def measure(settings: Settings, records: int, tell: Callable[[str], None]) -> dict[str, Any]:
    """The curve, its ends compared, and memory at the first and last checkpoint."""
    nonce = f"{time.time_ns():x}g"
    texts = posts(nonce)
    found: list[Checkpoint] = []
    every = max(CHUNK, records // CHECKPOINTS // CHUNK * CHUNK)
    async with workplace(settings, nonce, null=True) as place:
        await place.through(list(islice(texts, WARM_RECORDS)))
        while place.sent < records:
            seconds, before = 0.0, place.sent
            while place.sent - before < min(every, records - before):
                seconds += CHUNK / await place.rate(list(islice(texts, CHUNK)))
            found.append(checkpoint(place.sent, place.sent - before, seconds))
            tell(
                f"{place.sent} stored, {found[-1].documents_per_second:.0f}/s, {found[-1].resident_mb:.0f} MB"
            )
    return report(found)


def checkpoint(stored: int, documents: int, seconds: float) -> Checkpoint:
    """The figures of a stretch."""
    return Checkpoint(
        stored,
        round(documents / seconds, 1),
        round(seconds / documents * 1e6, 1),
        round(resident_mb(), 1),
    )


def report(found: list[Checkpoint]) -> dict[str, Any]:
    """The curve with what it says."""
    third = max(1, len(found) // 3)
    first = sum(one.microseconds_per_document for one in found[:third]) / third
    last = sum(one.microseconds_per_document for one in found[-third:]) / third
    return {
        "curve": [
            {
                "stored": one.stored,
                "documents_per_second": one.documents_per_second,
                "microseconds_per_document": one.microseconds_per_document,
                "resident_mb": one.resident_mb,
            }
            for one in found
        ],
        "last_third_over_first_third": round(last / first, 3),
        "resident_mb_first": found[0].resident_mb,
        "resident_mb_last": found[-1].resident_mb,
    }
