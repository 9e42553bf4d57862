"""Scores in a dictionary."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from streams.domain.batch import NewScore
    from streams.domain.document import Probabilities
    from streams.domain.score import ModelInfo, ScoreKey


@dataclass(slots=True)
class MemoryScoreStore:
    """What `MemoryDocumentStore` writes with its batches."""

    _scores: dict[tuple[str, str, ScoreKey], Probabilities] = field(default_factory=dict)
    models: list[ModelInfo] = field(default_factory=list)

    async def lookup(
        self, model: str, version: str, keys: Sequence[ScoreKey]
    ) -> dict[ScoreKey, Probabilities]:
        found = {key: self._scores.get((model, version, key)) for key in keys}
        return {key: value for key, value in found.items() if value is not None}

    async def note_models(self, infos: Iterable[ModelInfo]) -> None:
        self.models += [info for info in infos if info not in self.models]

    def keep(self, scores: Iterable[NewScore]) -> None:
        """The first answer stays."""
        for score in scores:
            self._scores.setdefault((score.model, score.version, score.key), score.probabilities)
