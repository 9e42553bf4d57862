from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

from streams.scenario import Planted, Scenario
from streams.showing.found import Alert, Found, Reading
from streams.showing.verdict import compare

START = datetime(2026, 3, 5, 9, tzinfo=UTC)
SURGE = Planted(
    "negative_surge", "TSLA", "company_product_news", START, START + timedelta(hours=2), ("a", "b")
)
TOPIC = replace(SURGE, kind="topic_surge", entity=None, topic="energy_oil")
ECHO = replace(SURGE, kind="echo_storm", entity="XOM")
READING = Reading(documents=2, stories=2, negative=2, positive=0)


def alert(**changes: object) -> Alert:
    made = Alert(
        alert_id="1f", rule="negative_surge", entity_id="us.tsla", symbol="TSLA", name="Tesla, Inc.",
        topic="all", severity="critical", state="resolved", opened_at=START + timedelta(minutes=20),
        resolved_at=START + timedelta(hours=6), span="1h", observed=20, expected=0.5, p_value=1e-20,
        sources=9, documents=22,
    )  # fmt: skip
    return replace(made, **changes)


def scenario(*planted: Planted, malformed: dict[str, int] | None = None) -> Scenario:
    return Scenario(7, (), planted, malformed or {}, (START, START), MappingProxyType({}))


def found(*alerts: Alert, count: int = 1, dead_letters: dict[str, int] | None = None) -> Found:
    return Found(alerts, dead_letters or {}, (READING,) * count, 2, 4)


def test_exactly_the_planted_surges_is_no_problem():
    market = alert(alert_id="2f", entity_id="MARKET", symbol="MARKET", topic="energy_oil")
    comparison = compare(scenario(SURGE, TOPIC, ECHO), found(alert(), market, count=3))
    assert comparison.problems == ()
    assert [len(group) for group in comparison.alerts] == [1, 1, 0]


def test_a_missed_surge_is_named():
    comparison = compare(scenario(SURGE), found())
    assert comparison.problems == ("negative surge of TSLA raised 0 alerts instead of 1",)


def test_an_echo_storm_must_not_raise_an_alert():
    comparison = compare(scenario(ECHO), found(alert(symbol="XOM")))
    assert comparison.problems == ("echo storm of XOM raised 1 alerts instead of 0",)


def test_an_alert_at_another_time_or_topic_is_stray():
    late = alert(opened_at=START + timedelta(hours=4))
    elsewhere = alert(symbol="MARKET", topic="politics")
    comparison = compare(scenario(SURGE), found(late, elsewhere))
    assert comparison.stray == (late, elsewhere)
    assert len(comparison.problems) == 3


def test_two_episodes_of_one_surge_are_one_too_many():
    again = alert(alert_id="2f", opened_at=START + timedelta(hours=2))
    assert compare(scenario(SURGE), found(alert(), again)).problems == (
        "negative surge of TSLA raised 2 alerts instead of 1",
    )


def test_rules_that_are_not_negative_do_not_count():
    assert compare(scenario(ECHO), found(alert(symbol="XOM", rule="buzz_surge"))).problems == ()


def test_dead_letters_are_compared_by_what_was_spoiled():
    planted = {"not_json": 2, "too_long": 1, "absurd_date": 3}
    reasons = {"not_json": 2, "date_out_of_range": 2, "unparseable_date": 1, "null_byte": 1}
    comparison = compare(scenario(malformed=planted), found(count=0, dead_letters=reasons))
    assert comparison.problems == (
        "1 dead letters for null_byte instead of 0",
        "0 dead letters for too_long instead of 1",
    )
