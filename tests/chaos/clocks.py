"""Jumps of the workers' wall clock, as Python code sees it: `time.time`, and `datetime.now` of the product's modules.

libfaketime, which would move it for the whole process, makes `time.sleep` of Python 3.11 fail (0.9.10, EINVAL).
"""

from __future__ import annotations

import os
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import tzinfo

    from tests.chaos.scene import Scene

DAY = 86_400
JUMPS = (60 * DAY, -90 * DAY, 3_600, -1, 400 * DAY)


def moved(scene: Scene) -> dict[str, str]:
    """The clock's offset is read from a file at every look; the monotonic clock stays what it is."""
    clock = scene.folder / "clock"
    clock.write_text("0")
    return {"CHAOS_CLOCK": str(clock)}


def jump(scene: Scene) -> None:
    for offset in scene.rng.sample(JUMPS, 3):
        scene.midway(0.02, 0.4)
        (scene.folder / "clock").write_text(str(offset))
        scene.hurt()
        scene.heal()
        scene.pause(0.2, 1.5)


def install(clock: Path) -> None:
    """In the worker: whoever has taken hold of the clock gets the one that jumps."""
    real = time.time

    def offset() -> int:
        return int(clock.read_text() or 0)

    def jumping() -> float:
        return real() + offset()

    class Jumping(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:
            return datetime.now(tz) + timedelta(seconds=offset())

    time.time = jumping
    for module in list(sys.modules.values()):
        names = vars(module) if module is not None else {}
        for name, value in list(names.items()):
            if value is real:
                setattr(module, name, jumping)
        source = getattr(module, "__file__", None)
        if source and module.__name__.startswith("streams.") and "datetime.now(" in Path(source).read_text():
            module.datetime = Jumping


def install_if_told() -> None:
    told = os.environ.get("CHAOS_CLOCK")
    if told:
        install(Path(told))
