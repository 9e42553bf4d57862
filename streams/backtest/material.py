"""From a run's rows and price files to results: align sessions, file events and signal, measure, export."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np

from streams.backtest.bars import Bars
from streams.backtest.event_study import Events
from streams.backtest.exports import export
from streams.backtest.report import Report
from streams.backtest.sessions import CALENDARS, refuse_look_ahead, sessions_between, utc
from streams.backtest.signal import daily_signal
from streams.backtest.study import measure
from streams.errors import Misconfigured

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from streams.backtest.price_files import PriceFiles
    from streams.backtest.sessions import Sessions
    from streams.backtest.signal import Opening, Spoken
    from streams.backtest.study import Plan
    from streams.backtest.universe import Universe


@dataclass(frozen=True, slots=True)
class Material:
    """What a backtest is made of."""

    run: str
    prices: PriceFiles
    universe: Universe
    spoken: Sequence[Spoken]
    openings: Sequence[Opening]

    def study(self, plan: Plan, calendar: str, out: Path) -> Report:
        """Measure everything and write the signal's files.

        Args:
            plan: what is measured.
            calendar: name of the exchange calendar; empty = that of the symbols.
            out: where the signal's files go.

        Raises:
            Misconfigured: the symbols trade on several exchanges and none was chosen, or something looks ahead.
        """
        priced = self.prices.bars.of(tuple(sorted(self.universe.entities.values())))
        sessions = sessions_between(calendar or _calendar_of(self.universe.exchanges), priced.days)
        kept = np.isin(priced.days, sessions.days)
        bars = Bars(sessions.days, priced.symbols, priced.opens[kept], priced.closes[kept])
        columns = {entity: bars.symbols.index(symbol) for entity, symbol in self.universe.entities.items()}
        signal = daily_signal(self.spoken, columns, sessions)
        signal.verify(sessions, plan.lag)
        events = self._events(columns, sessions, plan)
        export(out, bars, sessions, signal, plan.lag)
        return Report(self.run, self._coverage(bars, sessions, events), measure(bars, events, signal, plan))

    def _events(self, columns: dict[str, int], sessions: Sessions, plan: Plan) -> Events:
        openings = [opening for opening in self.openings if opening.entity_id in columns]
        known = utc(max(opening.known_at, opening.opened_at) for opening in openings)
        assigned = sessions.of(known)
        # before the first bar nothing can be said: such an alert is not an event of the first session
        inside = (assigned < len(sessions.days)) & (known >= sessions.opens[0])
        refuse_look_ahead(sessions, assigned[inside], known[inside], plan.lag)
        symbols = np.array([columns[opening.entity_id] for opening in openings], dtype=np.int64)
        return Events(assigned[inside], symbols[inside])

    def _coverage(self, bars: Bars, sessions: Sessions, events: Events) -> dict[str, Any]:
        return {
            "first_session": str(bars.days[0]),
            "last_session": str(bars.days[-1]),
            "sessions": len(bars.days),
            "calendar": sessions.calendar,
            "symbols": len(bars.symbols),
            "symbols_unknown": " ".join(self.universe.unknown),
            "symbols_left_out": " ".join(self.universe.doubled),
            "alerts": len(self.openings),
            "alerts_with_prices": len(events),
            "documents_versions": len(self.spoken),
            "price_rows_rejected": self.prices.rejected,
            "price_rows_repeated": self.prices.repeated,
            "price_jumps_over_40_percent": self.prices.jumps,
            "days_outside_the_calendar": sessions.foreign,
        }


def _calendar_of(exchanges: Iterable[str]) -> str:
    """The one calendar that these markets share."""
    found = sorted({CALENDARS.get(exchange, exchange) for exchange in exchanges})
    if not found:
        raise Misconfigured(
            "no price symbol tells its exchange: name its calendar with --calendar, e.g. XNYS"
        )
    if len(found) != 1:
        raise Misconfigured(
            f"the prices belong to several exchanges ({', '.join(found)}): put them into a directory each, or name one "
            "with --calendar"
        )
    return found[0]


def training_cutoff(model_repo: Path, versions: Sequence[str]) -> date | None:
    """The latest training cut-off of these model versions, from the metadata of the models at hand; None if one is unknown."""
    known: dict[str, date] = {}
    for path in model_repo.glob("*/*/metadata.json"):
        metadata = json.loads(path.read_text(encoding="utf-8"))
        if "model_version" in metadata and metadata.get("training_cutoff"):
            known[metadata["model_version"]] = date.fromisoformat(metadata["training_cutoff"])
    dates = [known.get(version) for version in versions]
    found = [day for day in dates if day is not None]
    return max(found) if found and len(found) == len(dates) else None
