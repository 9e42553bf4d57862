"""What a lane has done so far: plain counts, for progress lines and metrics."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from streams.domain.batch import Batch


@dataclass(slots=True)
class Tally:
    """Since the lane was made; stored and acknowledged things only."""

    records: int = 0
    documents: int = 0
    mentions: int = 0
    dead_letters: int = 0
    slices: int = 0
    letters_by_reason: Counter[str] = field(default_factory=Counter)

    def count(self, batch: Batch, records: int) -> None:
        """Add a stored batch that came of so many records."""
        self.slices += 1
        self.records += records
        self.documents += len(batch.documents)
        self.mentions += sum(len(item.mentions) for item in batch.documents)
        self.dead_letters += len(batch.dead_letters)
        self.letters_by_reason.update(letter.reason for letter in batch.dead_letters)
