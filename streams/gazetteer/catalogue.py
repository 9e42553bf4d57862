"""The gazetteer as shipped with the package."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Final

from streams.errors import Misconfigured
from streams.gazetteer.table import read_aliases, read_entities, read_rows

if TYPE_CHECKING:
    from streams.domain.entity import Alias, Entity

DATA: Final = Path(__file__).parent / "data"
FILES: Final = ("entities.csv", "aliases.csv", "blocked.csv")
_VERSION_DIGITS: Final = 12


@dataclass(frozen=True, slots=True)
class Gazetteer:
    """Entities, their aliases, and phrases that only look like one."""

    version: str
    """First digits of the SHA-256 over the data files: an input of every run."""
    entities: tuple[Entity, ...]
    aliases: tuple[Alias, ...]
    blocked: tuple[str, ...]

    @classmethod
    def load(cls, directory: Path = DATA) -> Gazetteer:
        """Read the tables; Misconfigured when one is missing or malformed."""
        try:
            return cls(
                version=_version(directory),
                entities=read_entities(directory / "entities.csv"),
                aliases=read_aliases(directory / "aliases.csv"),
                blocked=tuple(row["phrase"] for row in read_rows(directory / "blocked.csv")),
            )
        except (OSError, KeyError, ValueError) as error:
            message = f"the gazetteer in {directory} is incomplete: {error}"
            raise Misconfigured(message) from error


def _version(directory: Path) -> str:
    digest = sha256()
    for name in FILES:
        content = (directory / name).read_bytes()
        digest.update(f"{name}:{len(content)}:".encode() + content)
    return digest.hexdigest()[:_VERSION_DIGITS]
