"""A relay that keeps what it is given."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from streams.wire.outgoing import Outgoing


@dataclass(slots=True)
class MemoryRelay:
    """``published`` holds the records in order."""

    published: list[Outgoing] = field(default_factory=list)

    async def publish(self, records: Iterable[Outgoing]) -> int:
        new = list(records)
        self.published += new
        return len(new)
