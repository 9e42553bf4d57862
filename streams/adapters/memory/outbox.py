"""An outbox in a list."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from streams.ports import Relay
    from streams.wire.outgoing import Outgoing


@dataclass(slots=True)
class MemoryOutbox:
    """``waiting`` holds what is to be published, oldest first."""

    relay: Relay
    waiting: list[Outgoing] = field(default_factory=list)

    async def flush(self, limit: int = 500) -> int:
        head = self.waiting[:limit]
        await self.relay.publish(head)
        del self.waiting[: len(head)]
        return len(head)
