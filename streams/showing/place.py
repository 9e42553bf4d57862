"""Where the demo keeps its data: never among anybody else's.

A broker's topics and a database outlive a run, and records of an invented March among real ones would make
what is older late. So each demo starts with an empty Kafka and PostgreSQL and takes its data with it.
That it uses the usual state directory wherever that is free lets `sentiwatch alerts list` find it without a
word; beside data of somebody else it moves into a directory of its own below. What all copies share
(environments, jars, models) is elsewhere, so that a start stays short.
"""

from __future__ import annotations

import asyncio
import fcntl
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from streams.errors import Misconfigured
from streams.local.launcher import ALL, LocalParts
from streams.local.layout import default_layout

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from streams.local.addresses import Addresses
    from streams.local.layout import Layout
    from streams.settings import Settings

KEEPING_DATA = frozenset({"kafka", "postgres"})


@dataclass(frozen=True, slots=True)
class Place:
    """A state directory that this demo holds. ``usual`` when the command line looks there by itself."""

    parts: LocalParts
    usual: bool
    given: frozenset[str]
    """Parts that run elsewhere, named by the settings: used, never emptied or stopped."""
    shared: frozenset[str]
    """Local parts that ran before: they stay."""

    @property
    def prefix(self) -> str:
        """What a shell command needs in front of it to find this place."""
        return "" if self.usual else f"SENTIWATCH_LOCAL_DIR={self.parts.layout.root} "

    def start(self, tell: Callable[[str, str], None]) -> Addresses:
        """Everything up, with empty data. Raises as `LocalParts.up` does."""
        mark(self.parts.layout)
        return self.parts.up(ALL, tell)

    def stop(self, *, keep: bool) -> None:
        """Stop what this demo started; without ``keep`` its data go too."""
        self.parts.down(KEEPING_DATA - self.given, purge=not keep)
        self.parts.down(ALL - KEEPING_DATA - self.given - self.shared)


def mark(layout: Layout) -> None:
    """Say that these data are a demo's. Kafka's own directory, so that any purge takes the mark away too."""
    _marker(layout).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    _marker(layout).touch()


def _marker(layout: Layout) -> Path:
    return layout.data / "kafka" / "demo"


def is_free(layout: Layout) -> bool:
    """Nobody's data are there."""
    return not any((layout.data / part).exists() for part in KEEPING_DATA)


@contextmanager
def hold_place(settings: Settings, external: Addresses, models: Path | None) -> Iterator[Place]:
    """A place for one demo, emptied of what an earlier one left; nobody else's demo while held.

    ``settings`` and ``external`` are as the environment gives them, without the local parts' addresses.

    Raises:
        Misconfigured: another demo runs here.
    """
    root = default_layout().root
    usual = _candidate(root, external, models)
    with _alone(usual.layout):
        if _clear(usual, settings):
            yield _place(usual, external, usual=True)
            return
    beside = _candidate(root / "demo", external, models)
    with _alone(beside.layout):
        if not _clear(beside, settings):
            raise Misconfigured(
                f"{beside.layout.root} holds data that are not a demo's: "
                "set SENTIWATCH_LOCAL_DIR to an empty directory"
            )
        yield _place(beside, external, usual=False)


def _candidate(root: Path, external: Addresses, models: Path | None) -> LocalParts:
    return LocalParts(root, external=external, models=models)


def _place(parts: LocalParts, external: Addresses, *, usual: bool) -> Place:
    given = frozenset(part for part in ALL if getattr(external, part) is not None)
    running = parts.addresses()
    shared = frozenset(part for part in ALL - given if getattr(running, part) is not None)
    return Place(parts, usual, given, shared)


@contextmanager
def _alone(layout: Layout) -> Iterator[None]:
    """One demo a state directory; the kernel forgets us when we die."""
    layout.run.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (layout.run / "demo.lock").open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Misconfigured(
                f"another demo is running in {layout.root}: stop it with Ctrl-C there, "
                "or set SENTIWATCH_LOCAL_DIR to another directory"
            ) from None
        yield


def _clear(parts: LocalParts, settings: Settings) -> bool:
    """Whether the place is empty now: it was, or a demo that was cut short had left only its own data."""
    if is_free(parts.layout):
        return True
    if not _marker(parts.layout).is_file() or _used_by_others(parts, settings):
        return False
    parts.down(ALL)
    parts.down(KEEPING_DATA, purge=True)
    return True


def _used_by_others(parts: LocalParts, settings: Settings) -> bool:
    """Somebody may have added documents of his own to what a killed demo left: not ours to remove."""
    if not (parts.layout.data / "postgres" / "initialised").is_file():
        return False
    own = LocalParts(parts.layout.root)
    was_up = own.addresses().postgres is not None
    url = own.up({"postgres"}).postgres or ""
    foreign = asyncio.run(_strangers(url, settings))
    if foreign and not was_up:
        own.down({"postgres"})
    return foreign


async def _strangers(url: str, settings: Settings) -> bool:
    from random import Random  # noqa: PLC0415

    from streams.adapters.postgres.connection import Database  # noqa: PLC0415
    from streams.adapters.postgres.showcase import Showcase  # noqa: PLC0415
    from streams.scenario.cast import PUBLISHERS, authors  # noqa: PLC0415

    voices = (*PUBLISHERS, *authors(Random(0)))  # noqa: S311 - every seed draws other handles of the same sources
    database = Database(url, 2)
    await database.open()
    try:
        return await Showcase(database, settings.run).strangers({voice.source for voice in voices}) > 0
    finally:
        await database.close()


def settings_at(given: Settings, found: Addresses) -> Settings:
    """The settings as given, with the addresses of the parts that were found."""
    from pydantic import SecretStr  # noqa: PLC0415

    return given.model_copy(
        update={
            "kafka": given.kafka.model_copy(update={"bootstrap": found.kafka}),
            "triton": given.triton.model_copy(update={"url": found.triton}),
            "postgres": given.postgres.model_copy(update={"url": SecretStr(found.postgres or "")}),
        }
    )
