"""Comparing the alerts of two runs."""

from datetime import UTC, datetime, timedelta

from streams.domain.comparison import AlertRow, Tally, compare

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def alert(
    key: str = "negative_surge|us.aapl|all|all", opened_at: datetime = NOON, **changes: object
) -> AlertRow:
    figures = {"severity": "error", "observed": 9, "expected": 0.5, "p_value": 1e-8} | changes
    return AlertRow(key, opened_at, **figures)


def test_equal_alerts_are_the_same():
    found = compare([alert()], [alert()], DAY)
    assert (found.only_a, found.only_b, found.changed, found.same) == ((), (), (), 1)


def test_an_alert_that_moved_or_changed_its_severity_is_changed():
    moved, worse = alert(opened_at=NOON + timedelta(hours=1)), alert(severity="critical")
    assert compare([alert()], [moved], DAY).changed == ((alert(), moved),)
    assert compare([alert()], [worse], DAY).changed == ((alert(), worse),)


def test_alerts_far_apart_or_about_something_else_are_not_paired():
    far, other = alert(opened_at=NOON + 2 * DAY), alert(key="negative_surge|us.ba|all|all")
    found = compare([alert()], [far, other], DAY)
    assert found.only_a == (alert(),)
    assert set(found.only_b) == {far, other}


def test_each_alert_is_paired_once_with_its_nearest():
    later = alert(opened_at=NOON + timedelta(hours=3))
    found = compare([alert(), later], [later], DAY)
    assert len(found.changed) + found.same == 1
    assert len(found.only_a) == 1


def test_an_exact_twin_is_paired_before_a_near_one():
    later = alert(opened_at=NOON + timedelta(hours=3))
    found = compare([alert(), later], [later], DAY)
    assert (found.same, found.only_a) == (1, (alert(),))


def test_moved_and_changed_severity_are_told_apart_by_entity_and_month():
    june = alert(key="negative_surge|us.ba|all|all", opened_at=NOON + 100 * DAY)
    moved, worse = (
        alert(opened_at=NOON + timedelta(hours=1)),
        alert(june.dedup_key, june.opened_at, severity="critical"),
    )
    found = compare([alert(), june], [moved, worse], DAY)
    assert found.moved == ((alert(), moved),)
    assert found.severity == ((june, worse),)
    assert found.by_month() == {"2026-03": Tally(moved=1, changed=1), "2026-06": Tally(severity=1, changed=1)}
    assert list(found.by_entity()) == ["us.aapl", "us.ba"]
