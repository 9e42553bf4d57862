"""`sentiwatch replay --detect-only`: another run's mentions judged anew."""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from streams.errors import Misconfigured

if TYPE_CHECKING:
    from datetime import datetime

    from streams.replay.request import Request
    from streams.settings import Settings

log = logging.getLogger("streams.replay")


async def rehearse(settings: Settings, request: Request) -> dict[str, Any]:
    """Judge, and say what came out.

    Args:
        settings: those at hand; what they state of the detector explicitly goes over the base run's.
        request: with a base.

    Raises:
        Misconfigured: no such base, or a change that detection alone cannot show.
    """
    from streams.adapters.postgres.closing import PostgresClosingStore
    from streams.adapters.postgres.connection import Database
    from streams.adapters.postgres.rehearsals import begin_rehearsal, find_base, note_request, stored_request
    from streams.domain.detector import Thresholds
    from streams.domain.window import PANE, floor
    from streams.replay.rehearsal import Rehearsal, first_pane
    from streams.replay.whatif import as_changes, over, shaping, with_changes
    from streams.settings import require

    if any(not change.startswith("detector.") for change in request.changes):
        raise Misconfigured("--detect-only judges what is stored: it can --set detector.… only")
    url = require(settings.postgres.address, "SENTIWATCH_POSTGRES__URL")
    database = Database(url, 2)
    await database.open()
    try:
        base = await find_base(database, request.base)
        chosen = with_changes(over(settings, base.settings), request.changes)
        request = replace(request, changes=tuple(as_changes(chosen)))
        request.check_same(await stored_request(database, request.name))
        assert base.first is not None
        assert base.closed_until is not None
        start = floor(first_pane(base.first - PANE, request.since, chosen.detector.baseline))
        until = min(base.closed_until, request.until or base.closed_until)
        async with database.transaction() as connection:
            run = await begin_rehearsal(connection, request.name, base, shaping(chosen), start)
            await note_request(connection, run, request.as_json(), (request.since, request.until))
        store = PostgresClosingStore(database, run, chosen)
        rehearsal = Rehearsal(store, Thresholds(**chosen.detector.model_dump()), floor(until))
        began = time.monotonic()
        await rehearsal.run(lambda reached: tell(reached, start, until, began))
    finally:
        await database.close()
    seconds = round(time.monotonic() - began, 2)
    return {"base": base.name, "panes": rehearsal.panes, "seconds": seconds}


def tell(reached: datetime, start: datetime, until: datetime, began: float) -> None:
    """Progress in event time."""
    done = (reached - start) / (until - start) if until > start else 1.0
    spent = time.monotonic() - began
    left = spent / done - spent if done else 0.0
    log.info("judged up to %s (%.0f %%), %.0f s left", f"{reached:%Y-%m-%d %H:%M}", 100 * done, left)
