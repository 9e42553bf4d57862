from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import StringIO
from types import MappingProxyType

import pytest
from rich.console import Console

from streams.scenario import Planted, Scenario
from streams.showing import charts, hints, tables
from streams.showing.found import Alert, Evidence, Found, HourlyNegatives, Reading
from streams.showing.verdict import compare

START = datetime(2026, 3, 5, 9, tzinfo=UTC)
ALERT = Alert(
    alert_id="1f2e3d", rule="negative_surge", entity_id="cn.002594", symbol="002594", name="比亚迪",
    topic="all", severity="critical", state="resolved", opened_at=START + timedelta(minutes=20),
    resolved_at=START + timedelta(hours=6), span="24h", observed=40, expected=12.0, p_value=1e-9,
    sources=9, documents=44,
    evidence=(Evidence(START, "harbor-wire", 0.987, 3, "A headline\nover two lines"),),
)  # fmt: skip


def rendered(renderable: object, width: int = 200) -> str:
    console = Console(width=width, record=True, file=StringIO())
    console.print(renderable)
    return console.export_text()


def hourly(alert: Alert = ALERT) -> HourlyNegatives:
    hours = tuple(START - timedelta(hours=12) + timedelta(hours=n) for n in range(24))
    return HourlyNegatives(alert, hours, (0,) * 12 + (20, 15, 5) + (0,) * 9)


def test_every_alert_is_followed_by_its_evidence():
    text = rendered(tables.alerts_with_evidence([ALERT]))
    for part in (
        "1f2e3d",
        "002594 比亚迪",
        "critical",
        "40 in 24h",
        "Thu 05 Mar 09:20",
        "0.987",
        "A headline over two lines",
    ):
        assert part in text


def test_no_alerts_is_said_in_words():
    assert "No alerts." in rendered(tables.alerts_with_evidence([]))


def test_an_echo_is_told_as_one_story():
    planted = Planted("echo_storm", "XOM", "legal_regulation", START, START, ("a",))
    scenario = Scenario(7, (), (planted,), {}, (START, START), MappingProxyType({}))
    found = Found((), {}, (Reading(103, 1, 103, 0),), 103, 206)
    text = rendered(tables.planted_table(scenario, found, compare(scenario, found)))
    assert "one story, 103 copies" in text
    assert "WRONG" not in text


def test_expectation_of_a_day_is_drawn_an_hour():
    assert ALERT.expected_an_hour == pytest.approx(0.5)


def test_the_terminal_chart_fits_its_width():
    lines = charts.text_chart(hourly(), 90).splitlines()
    assert max(len(line.rstrip()) for line in lines) <= 90
    assert any("█" in line for line in lines)


def test_names_that_common_fonts_lack_are_left_out_of_pictures():
    assert charts.label(ALERT) == "002594"
    assert charts.label(replace(ALERT, symbol="MARKET", topic="energy_oil")) == "market, energy oil"


def test_the_picture_is_a_png(tmp_path):
    path = charts.picture(
        [hourly(), hourly(replace(ALERT, resolved_at=None))], tmp_path / "new" / "chart.png"
    )
    assert path.read_bytes().startswith(b"\x89PNG")


def test_passwords_are_not_shown():
    text = hints.queries("", "postgresql://bi_reader:secret@127.0.0.1:5/sentiwatch", [ALERT])
    assert "secret" not in text
    assert "bi_reader:***@127.0.0.1:5" in text
    assert "alerts show 1f2e3d" in text


def test_commands_carry_the_state_directory_when_it_is_not_the_usual_one():
    assert "SENTIWATCH_LOCAL_DIR=/x ./deploy/sentiwatch alerts list" in hints.queries(
        "SENTIWATCH_LOCAL_DIR=/x ", None, []
    )
