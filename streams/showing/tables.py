"""The demo's tables."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from streams.showing.found import MARKET
from streams.showing.verdict import by_hint, total

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from rich.console import RenderableType

    from streams.scenario.shapes import Planted, Scenario
    from streams.showing.found import Alert, Evidence, Found, Reading
    from streams.showing.verdict import Comparison

SEVERITY_STYLE = {"critical": "bold red", "error": "red", "warning": "yellow", "info": "cyan"}


def when(moment: datetime | None) -> str:
    """Day and time in UTC; a dash for never."""
    return "–" if moment is None else f"{moment.astimezone(UTC):%a %d %b %H:%M}"


def alerts_table(alerts: Sequence[Alert]) -> RenderableType:
    """All alerts of the run, oldest first."""
    if not alerts:
        return Text("No alerts.")
    table = Table(title="Alerts (times UTC, figures at the peak)", title_justify="left", box=box.SIMPLE_HEAD)
    for column in ("rule\nid", "about\ntopic", "severity\nstate", "opened\nresolved"):
        table.add_column(column, overflow="fold")
    for column in ("observed\nexpected", "p-value", "sources\ndocuments"):
        table.add_column(column, justify="right")
    for alert in alerts:
        table.add_row(*_alert_row(alert))
    return table


def _alert_row(alert: Alert) -> tuple[str | Text, ...]:
    """Two lines a cell, so that a row fits a terminal of 100 columns."""
    severity = Text(alert.severity, SEVERITY_STYLE.get(alert.severity, ""))
    return (
        f"{alert.rule}\n{alert.alert_id}",
        (MARKET if alert.symbol == MARKET else alert.about) + f"\n{alert.topic}",
        severity.append(f"\n{alert.state}", "default"),
        f"{when(alert.opened_at)}\n{when(alert.resolved_at)}",
        f"{alert.observed} in {alert.span}\n{alert.expected:.2f}",
        f"{alert.p_value:.2g}",
        f"{alert.sources}\n{alert.documents}",
    )


def evidence_table(alert: Alert) -> RenderableType:
    """The documents that caused one alert, strongest first."""
    table = Table(
        title=f"Evidence of {alert.alert_id} ({alert.about}): the most negative stories",
        title_justify="left", box=box.SIMPLE_HEAD,
    )  # fmt: skip
    for name in ("time", "source"):
        table.add_column(name, no_wrap=True)
    for name in ("p(neg)", "copies"):
        table.add_column(name, justify="right")
    table.add_column("headline", no_wrap=True, overflow="ellipsis")
    for document in alert.evidence:
        table.add_row(*_evidence_row(document))
    return table


def _evidence_row(document: Evidence) -> tuple[str, ...]:
    headline = " ".join(document.headline.split())
    return when(document.event_time), document.source, f"{document.p_neg:.3f}", str(document.copies), headline


def planted_table(scenario: Scenario, found: Found, comparison: Comparison) -> RenderableType:
    """Each planted event, how it was read, and what it raised; then the dead letters by reason."""
    table = Table(title="Planted and found", title_justify="left", box=box.SIMPLE_HEAD)
    for column in ("planted", "about", "when", "stored and read as", "due", "raised", ""):
        table.add_column(column, overflow="fold")
    for planted, reading, alerts in zip(scenario.planted, found.readings, comparison.alerts, strict=True):
        table.add_row(*_planted_row(planted, reading, alerts))
    malformed, dead = total(scenario.malformed), total(found.dead_letters)
    right = dict(scenario.malformed) == by_hint(found.dead_letters)
    table.add_row(
        "malformed",
        f"{malformed} records",
        "all week",
        "dead letters",
        str(malformed),
        str(dead),
        _mark(right=right),
    )
    stray, stored = comparison.stray, f"{found.documents:,} documents in all"
    table.add_row("the rest", "", "all week", stored, "no alert", _alerts(stray), _mark(right=not stray))
    return Group(table, Text(f"Dead letters: {_by_reason(found.dead_letters)}\n"))


def _planted_row(planted: Planted, reading: Reading, alerts: Sequence[Alert]) -> tuple[str | Text, ...]:
    due = 1 if planted.alerts else 0
    return (
        planted.kind.replace("_", " "),
        planted.entity or f"market: {planted.topic}",
        f"{planted.start:%a %H:%M}–{planted.end:%a %H:%M}",
        _reading(planted, reading),
        "1 alert" if due else "no alert",
        _alerts(alerts),
        _mark(right=len(alerts) == due),
    )


def _reading(planted: Planted, reading: Reading) -> str:
    if planted.kind == "echo_storm" and reading.stories == 1:
        return f"one story, {reading.documents} copies"
    good = planted.kind == "positive_surge"
    read = f"{reading.positive} positive" if good else f"{reading.negative} negative"
    return f"{reading.documents} documents, {reading.stories} stories, {read}"


def _alerts(alerts: Sequence[Alert]) -> str:
    return ", ".join(alert.alert_id for alert in alerts) or "no alert"


def _by_reason(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{reason} {count}" for reason, count in sorted(counts.items())) or "none"


def _mark(*, right: bool) -> Text:
    return Text("as planted", "green") if right else Text("WRONG", "bold red")


def timings_table(seconds: Mapping[str, float]) -> RenderableType:
    """How long each phase took."""
    table = Table(title="Timings", title_justify="left", box=box.SIMPLE_HEAD)
    table.add_column("phase")
    table.add_column("seconds", justify="right")
    for phase, spent in seconds.items():
        table.add_row(phase, f"{spent:.1f}")
    table.add_row("all", f"{sum(seconds.values()):.1f}", style="bold")
    return table


def alerts_with_evidence(alerts: Sequence[Alert]) -> RenderableType:
    """The table of all alerts, then each one's documents."""
    return Group(alerts_table(alerts), *(evidence_table(alert) for alert in alerts if alert.evidence))
