"""The comparison of two runs as JSON, as lines for a terminal, and as an HTML page with a picture."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from streams.replay.whatif import differences
from streams.showing.page import Page, new_figure, png

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from streams.domain.comparison import AlertRow, Comparison, Pair

TALLY = ("", "only in A", "only in B", "moved", "severity", "changed", "same")
SHOWN_ENTITIES = 30


@dataclass(frozen=True, slots=True)
class Compared:
    """Two runs, what their settings say, and what became of the alerts."""

    first: str
    second: str
    settings: tuple[Mapping[str, Any], Mapping[str, Any]]
    alerts: Comparison

    def as_dict(self) -> dict[str, Any]:
        """Plain values, dates as they print."""
        alerts = self.alerts
        return {
            "a": self.first,
            "b": self.second,
            "settings": {name: [one, other] for name, one, other in differences(*self.settings)},
            "only_a": [asdict(row) for row in alerts.only_a],
            "only_b": [asdict(row) for row in alerts.only_b],
            "changed": [[asdict(row) for row in pair] for pair in alerts.changed],
            "moved": [[asdict(row) for row in pair] for pair in alerts.moved],
            "changed_severity": [[asdict(row) for row in pair] for pair in alerts.severity],
            "same": alerts.same,
            "by_entity": {name: asdict(tally) for name, tally in alerts.by_entity().items()},
            "by_month": {name: asdict(tally) for name, tally in alerts.by_month().items()},
        }

    def counts(self) -> dict[str, int]:
        """How many of each; what experiments store."""
        alerts = self.alerts
        return {
            "only_in_base": len(alerts.only_a),
            "only_in_variant": len(alerts.only_b),
            "moved": len(alerts.moved),
            "changed_severity": len(alerts.severity),
            "changed": len(alerts.changed),
            "same": alerts.same,
        }

    def lines(self) -> Iterator[str]:
        """For a terminal."""
        alerts = self.alerts
        for name, one, other in differences(*self.settings):
            yield f"setting {name}: {one} in {self.first}, {other} in {self.second}"
        yield from (f"only in {self.first}: {line(row)}" for row in alerts.only_a)
        yield from (f"only in {self.second}: {line(row)}" for row in alerts.only_b)
        for pair in alerts.changed:
            yield f"{kind(pair)}: {line(pair[0])}\n      to {line(pair[1])}"
        for heading, tallies in (("entity", alerts.by_entity()), ("month", alerts.by_month())):
            yield ""
            yield _row((f"by {heading}", *TALLY[1:]))
            yield from (_row((name, *asdict(tally).values())) for name, tally in tallies.items())
        yield ""
        yield (
            f"{len(alerts.only_a)} only in {self.first}, {len(alerts.only_b)} only in {self.second}, "
            f"{len(alerts.changed)} changed ({len(alerts.moved)} moved, {len(alerts.severity)} of another severity), "
            f"{alerts.same} the same"
        )

    def add_to(self, page: Page) -> None:
        """Its part of a page."""
        alerts = self.alerts
        page.heading(f"{self.first} (A) against {self.second} (B)")
        page.table(("setting", "A", "B"), differences(*self.settings))
        page.table(("alerts", "number"), [(name.replace("_", " "), n) for name, n in self.counts().items()])
        months = alerts.by_month()
        if months:
            page.picture(_by_month(self), "alerts by month")
            page.table(("month", *TALLY[1:]), [(name, *asdict(t).values()) for name, t in months.items()])
        entities = list(alerts.by_entity().items())[:SHOWN_ENTITIES]
        page.table(("entity", *TALLY[1:]), [(name, *asdict(tally).values()) for name, tally in entities])
        for heading, rows in (
            (f"Only in {self.first}", alerts.only_a),
            (f"Only in {self.second}", alerts.only_b),
        ):
            if rows:
                page.paragraph(heading)
                page.table(ALERT, [cells(row) for row in rows])
        if alerts.changed:
            page.paragraph("Changed; A above B")
            page.table(("what", *ALERT), [
                (label, *cells(row)) for pair in alerts.changed for label, row in ((kind(pair), pair[0]), ("", pair[1]))
            ])  # fmt: skip

    def write(self, path: Path) -> Path:
        """An HTML page of its own."""
        page = Page(f"Alerts of {self.first} and {self.second}")
        self.add_to(page)
        return page.write(path)


ALERT = ("alert", "opened", "severity", "observed", "expected", "p")


def cells(row: AlertRow) -> tuple[str, ...]:
    """One alert in a table."""
    return (
        row.dedup_key, f"{row.opened_at:%Y-%m-%d %H:%M}", row.severity, str(row.observed), f"{row.expected:.2f}",
        f"{row.p_value:.1e}",
    )  # fmt: skip


def line(row: AlertRow) -> str:
    """One alert in one line."""
    return (
        f"{row.dedup_key} opened {row.opened_at:%Y-%m-%d %H:%M} {row.severity}, "
        f"{row.observed} of {row.expected:.2f}, p {row.p_value:.1e}"
    )


def kind(pair: Pair) -> str:
    """What changed first and foremost."""
    before, after = pair
    if before.severity != after.severity:
        return "changed severity"
    return "moved" if before.opened_at != after.opened_at else "changed"


def _row(values: tuple[Any, ...]) -> str:
    return f"{values[0]!s:34}" + "".join(f"{value!s:>11}" for value in values[1:])


def _by_month(compared: Compared) -> bytes:
    months = compared.alerts.by_month()
    figure = new_figure(9, 3.4)
    panel = figure.subplots()
    places = list(range(len(months)))
    bottom = [0] * len(months)
    parts = (
        ("same", "#8c959f", "in both, alike"), ("changed", "#d4a72c", "in both, changed"),
        ("only_a", "#c0392b", f"only in {compared.first}"), ("only_b", "#1f6feb", f"only in {compared.second}"),
    )  # fmt: skip
    for name, color, label in parts:
        heights = [getattr(tally, name) for tally in months.values()]
        panel.bar(places, heights, bottom=bottom, color=color, label=label)
        bottom = [low + height for low, height in zip(bottom, heights, strict=True)]
    panel.set_xticks(places, list(months), rotation=60, fontsize=8)
    panel.set_ylabel("alerts opened")
    panel.spines[["top", "right"]].set_visible(False)
    panel.legend(frameon=False, fontsize=9)
    return png(figure)
