"""What a replay is asked for: stored with its run, checked when it goes on, and written out as the command again."""

from __future__ import annotations

import shlex
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime
from typing import TYPE_CHECKING, Any

from streams.errors import Misconfigured

if TYPE_CHECKING:
    from collections.abc import Mapping

FLAGS = {
    "since": "--from", "until": "--to", "topics": "--topic", "files": "--file", "mapping": "--map", "source": "--source",
    "base": "--base", "changes": "--set", "gazetteer": "--gazetteer", "rescore": "--rescore",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Request:
    """Everything that decides a replay's result. How fast it goes (workers, load) is left out on purpose."""

    name: str
    since: datetime | None = None
    until: datetime | None = None
    topics: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    mapping: str = ""
    source: str = ""
    base: str = ""
    """The run whose stored mentions are judged anew (--detect-only)."""
    changes: tuple[str, ...] = ()
    """Each ``branch.name=value`` by which the settings differ from the defaults."""
    gazetteer: str = ""
    rescore: str = ""
    digests: tuple[str, ...] = field(default=())
    """SHA-256 of each file."""

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            name: value.isoformat()
            if isinstance(value, datetime)
            else list(value)
            if isinstance(value, tuple)
            else value
            for name, value in asdict(self).items()
        }

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> Request:
        """The inverse of `as_json`; unknown names (offsets) are left out."""
        values: dict[str, Any] = {}
        for each in fields(cls):
            value = stored.get(each.name)
            if isinstance(value, list):
                value = tuple(value)
            elif value and each.name in {"since", "until"}:
                value = datetime.fromisoformat(value)
            if value is not None:
                values[each.name] = value
        return cls(**values)

    def arguments(self) -> list[str]:
        """The command line that asks for the same."""
        line = ["sentiwatch", "replay", "--run", self.name]
        if self.base:
            line.append("--detect-only")
        for name, flag in FLAGS.items():
            value = getattr(self, name)
            for each in value if isinstance(value, tuple) else (value,) if value else ():
                line += [flag, each.isoformat() if isinstance(each, datetime) else str(each)]
        return line

    @property
    def command(self) -> str:
        """`arguments` for a shell."""
        return shlex.join(self.arguments())

    def check_same(self, stored: Mapping[str, Any]) -> None:
        """A run that was begun goes on only with what it was begun with.

        Raises:
            Misconfigured: it was asked for something else.
        """
        if not stored:
            return
        before = Request.of(stored)
        if before != self:
            raise Misconfigured(
                f"run {self.name} was begun with `{before.command}`: repeat that, or use another --run"
            )
