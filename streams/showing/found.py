"""What the demo reads back from the database."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

MARKET = "MARKET"
SPANS = {"1h": timedelta(hours=1), "24h": timedelta(hours=24)}


@dataclass(frozen=True, slots=True)
class Evidence:
    """One document that caused an alert; ``copies`` counts the documents of its story in the span."""

    event_time: datetime
    source: str
    p_neg: float
    copies: int
    headline: str


@dataclass(frozen=True, slots=True)
class Alert:
    """One episode with its figures at the peak, and its strongest documents first."""

    alert_id: str
    rule: str
    entity_id: str
    symbol: str
    name: str
    topic: str
    severity: str
    state: str
    opened_at: datetime
    resolved_at: datetime | None
    span: str
    observed: int
    expected: float
    p_value: float
    sources: int
    documents: int
    evidence: tuple[Evidence, ...] = ()

    @property
    def key(self) -> tuple[str, str]:
        """Who and what it is about, as `streams.showing.verdict.due` names it."""
        return self.symbol, self.topic

    @property
    def expected_an_hour(self) -> float:
        """The detector's expectation at the peak, spread over the hours of its span."""
        return self.expected / (SPANS[self.span] / timedelta(hours=1))

    @property
    def about(self) -> str:
        """Short and readable: a company by symbol and name, the market by topic."""
        if self.symbol == MARKET:
            return f"market: {self.topic}"
        return f"{self.symbol} {self.name}".strip()


@dataclass(frozen=True, slots=True)
class Reading:
    """How a set of documents was stored and read: ``negative`` and ``positive`` count documents."""

    documents: int
    stories: int
    negative: int
    positive: int


@dataclass(frozen=True, slots=True)
class Found:
    """Everything that a run left behind, as far as the demo shows it; ``readings`` in the order asked for."""

    alerts: tuple[Alert, ...]
    dead_letters: Mapping[str, int]
    readings: tuple[Reading, ...]
    documents: int
    mentions: int


@dataclass(frozen=True, slots=True)
class HourlyNegatives:
    """Distinct negative stories of one alert's cell an hour; hours without any are there with 0."""

    alert: Alert
    hours: tuple[datetime, ...]
    stories: tuple[int, ...]
