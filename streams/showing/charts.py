"""The surge, hour by hour: in the terminal (plotext) and as a picture (matplotlib)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from streams.showing.found import MARKET

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from streams.showing.found import Alert, HourlyNegatives

BEFORE = timedelta(hours=18)
AFTER = timedelta(hours=30)
"""Around the opening: some calm, the surge, and a day until the longer span has forgotten it."""

TICK_EVERY = 6
HEIGHT = 14
RED, GREY, GREEN = "#c0392b", "#7f8c8d", "#1e8449"


def label(alert: Alert) -> str:
    """Who it is about, in letters that every font has."""
    if alert.symbol == MARKET:
        return f"market, {alert.topic.replace('_', ' ')}"
    return f"{alert.symbol} {alert.name}" if alert.name.isascii() and alert.name else alert.symbol


def text_chart(hourly: HourlyNegatives, width: int) -> str:
    """Bars of negative stories an hour, the expectation dotted; upright lines open and resolve the alert."""
    import plotext  # noqa: PLC0415 - half a second that only the chart needs

    alert, figure = hourly.alert, plotext.figure
    figure.clear()
    figure.theme("colorless")
    figure.plot_size(width, HEIGHT)
    figure.title(
        f"{label(alert)}: negative stories an hour (UTC); dotted: {alert.expected_an_hour:.1f} expected; "
        "lines: opened, resolved"
    )
    # A bar stands over its hour, not over the hour's beginning.
    figure.draw(figure.bar([place + 0.5 for place in range(len(hourly.hours))], list(hourly.stories)))
    figure.line(alert.expected_an_hour, "h", style="dotted")
    for moment in _moments(alert):
        if hourly.hours[0] <= moment <= hourly.hours[-1]:
            figure.line((moment - hourly.hours[0]) / timedelta(hours=1), "v")
    ticks = [place for place, hour in enumerate(hourly.hours) if hour.astimezone(UTC).hour % TICK_EVERY == 0]
    figure.ruler("x").ticks(ticks, [f"{hourly.hours[place].astimezone(UTC):%a %H:%M}" for place in ticks])
    chart: str = figure.build().string(colorless=True)
    return chart


def _moments(alert: Alert) -> list[datetime]:
    return [moment for moment in (alert.opened_at, alert.resolved_at) if moment is not None]


def picture(hourlies: Sequence[HourlyNegatives], path: Path) -> Path:
    """One panel an alert, as PNG."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415 - a second that only this needs
    from matplotlib.figure import Figure  # noqa: PLC0415

    figure = Figure(figsize=(11, 3.8 * len(hourlies)), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(len(hourlies), 1, squeeze=False)[:, 0]
    for panel, hourly in zip(panels, hourlies, strict=True):
        _draw(panel, hourly)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)
    return path


def _draw(panel: Any, hourly: HourlyNegatives) -> None:
    alert = hourly.alert
    width = timedelta(minutes=54)
    panel.bar(hourly.hours, hourly.stories, width=width, align="edge", color=RED, label="observed")
    expected = f"expected: {alert.expected_an_hour:.2f}"
    panel.axhline(alert.expected_an_hour, color=GREY, linestyle="--", label=expected)
    opened = f"alert opened {alert.opened_at.astimezone(UTC):%a %H:%M}"
    panel.axvline(alert.opened_at, color="black", linewidth=1.4, label=opened)
    if alert.resolved_at is not None:
        resolved = f"alert resolved {alert.resolved_at.astimezone(UTC):%a %H:%M}"
        panel.axvline(alert.resolved_at, color=GREEN, linewidth=1.4, linestyle="-.", label=resolved)
    panel.set_title(_headline(alert), fontsize=11)
    _dress(panel, hourly)


def _headline(alert: Alert) -> str:
    return (
        f"{label(alert)}: {alert.severity} alert, {alert.observed} negative stories in {alert.span} "
        f"at the peak, {alert.expected:.1f} expected, p = {alert.p_value:.1g}"
    )


def _dress(panel: Any, hourly: HourlyNegatives) -> None:
    from matplotlib.dates import DateFormatter, HourLocator  # noqa: PLC0415
    from matplotlib.ticker import MaxNLocator  # noqa: PLC0415

    panel.yaxis.set_major_locator(MaxNLocator(integer=True))
    panel.set_ylabel("negative stories an hour")
    panel.set_xlabel("event time (UTC)")
    panel.set_xlim(hourly.hours[0], hourly.hours[-1] + timedelta(hours=1))
    locator = HourLocator(byhour=range(0, 24, TICK_EVERY), tz=UTC)  # type: ignore[no-untyped-call]
    panel.xaxis.set_major_locator(locator)
    formatter = DateFormatter("%a %H:%M\n%d %b", tz=UTC)  # type: ignore[no-untyped-call]
    panel.xaxis.set_major_formatter(formatter)
    panel.grid(axis="y", alpha=0.3)
    panel.spines[["top", "right"]].set_visible(False)
    panel.legend(loc="upper left", frameon=False, fontsize=9)
