"""What was planted against what was found. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from streams.domain.outcome import Reason
from streams.showing.found import MARKET

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from streams.scenario.shapes import Planted, Scenario
    from streams.showing.found import Alert, Found

ALL = "all"
HINTS: Mapping[str, str] = {
    Reason.MISSING_DATE: "missing_event_time",
    Reason.DATE_OUT_OF_RANGE: "absurd_date",
    Reason.UNPARSEABLE_DATE: "absurd_date",
    Reason.NOT_AN_OBJECT: "wrong_type",
    Reason.TEXT_TOO_LONG: "too_long",
}
"""The scenario tells what it spoiled, the validator what it noticed; the words of those that differ."""
AFTERGLOW = timedelta(hours=1)
"""An alert may open while the shorter trailing span still holds the last planted document."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Alerts by the planted event they belong to (in the scenario's order); ``stray`` fits nothing."""

    alerts: tuple[tuple[Alert, ...], ...]
    stray: tuple[Alert, ...]
    problems: tuple[str, ...]
    """One clause each; empty when everything is as planted."""


def cell(planted: Planted) -> tuple[str, str]:
    """Symbol and topic of the alert that this event raises, or must not raise: companies over all topics."""
    return (MARKET, planted.topic) if planted.entity is None else (planted.entity, ALL)


def compare(scenario: Scenario, found: Found) -> Comparison:
    """Negative alerts must be the planted negative surges, one each; malformed records, dead letters."""
    negative = [alert for alert in found.alerts if "negative" in alert.rule]
    groups = tuple(
        tuple(alert for alert in negative if _belongs(alert, planted)) for planted in scenario.planted
    )
    claimed = {alert.alert_id for group in groups for alert in group}
    stray = tuple(alert for alert in negative if alert.alert_id not in claimed)
    problems = [
        *_planted_problems(zip(scenario.planted, groups, strict=True)),
        *(f"unplanned alert {alert.alert_id}: {alert.about}, {alert.opened_at:%a %H:%M}" for alert in stray),
        *_differences(scenario.malformed, by_hint(found.dead_letters)),
    ]
    return Comparison(groups, stray, tuple(problems))


def _belongs(alert: Alert, planted: Planted) -> bool:
    return alert.key == cell(planted) and planted.start <= alert.opened_at <= planted.end + AFTERGLOW


def _planted_problems(pairs: Iterable[tuple[Planted, tuple[Alert, ...]]]) -> Iterable[str]:
    for planted, alerts in pairs:
        name = f"{planted.kind.replace('_', ' ')} of {planted.entity or planted.topic}"
        due = 1 if planted.alerts else 0
        if len(alerts) != due:
            yield f"{name} raised {len(alerts)} alerts instead of {due}"


def by_hint(dead_letters: Mapping[str, int]) -> dict[str, int]:
    """Dead letters counted by what the scenario had spoiled."""
    counts: Counter[str] = Counter()
    for reason, count in dead_letters.items():
        counts[HINTS.get(reason, reason)] += count
    return dict(counts)


def _differences(malformed: Mapping[str, int], dead_letters: Mapping[str, int]) -> Iterable[str]:
    for reason in sorted({*malformed, *dead_letters}):
        due, found = malformed.get(reason, 0), dead_letters.get(reason, 0)
        if due != found:
            yield f"{found} dead letters for {reason} instead of {due}"


def total(counts: Mapping[str, int]) -> int:
    """Sum over all reasons."""
    return Counter(counts).total()
