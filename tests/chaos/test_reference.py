"""The ledger, its fold and the comparison are themselves able to fail."""

from __future__ import annotations

from collections import Counter
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from streams.domain.document import RawRecord, SourceClass, SourcePartition
from streams.domain.outcome import Drop, Keep
from streams.stages.read_record import read_record
from streams.wire.limits import InputLimits
from tests.chaos import report
from tests.chaos.faults import ALL
from tests.chaos.fold import Expected, fold
from tests.chaos.ledger import NEWS, Article, Entry, Ledger
from tests.chaos.rounds import Outcome
from tests.chaos.runner import plan_rounds
from tests.chaos.stream import write_stream
from tests.chaos.tables import compare

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def as_stored(expected: Expected) -> dict[str, list[tuple[Any, Any]]]:
    return {each.name: list(getattr(expected, each.name).items()) for each in fields(Expected)}


@pytest.fixture(scope="module")
def expected() -> Expected:
    return fold(write_stream(1))


def test_tables_as_expected_are_no_difference(expected: Expected):
    found = compare(expected, as_stored(expected))
    assert (found.lost, found.doubled, found.told) == (0, 0, [])


@pytest.mark.parametrize("table", ["documents", "superseded", "mentions", "dead_letters"])
def test_a_missing_row_is_lost(expected: Expected, table: str):
    stored = as_stored(expected)
    stored[table].pop()
    assert compare(expected, stored).lost == 1


@pytest.mark.parametrize("table", [each.name for each in fields(Expected)])
def test_a_row_that_is_there_twice_is_doubled(expected: Expected, table: str):
    stored = as_stored(expected)
    stored[table].append(stored[table][0])
    assert compare(expected, stored).doubled == 1


@pytest.mark.parametrize("table", [each.name for each in fields(Expected)])
def test_another_content_is_told(expected: Expected, table: str):
    stored = as_stored(expected)
    key, _ = stored[table][0]
    stored[table][0] = (key, ("something else",))
    assert len(compare(expected, stored).told) == 2


def test_a_stream_has_everything_that_goes_wrong_in_feeds():
    kinds = Counter()
    for seed in range(5):
        ledger = write_stream(seed)
        kinds.update(
            entry.reason or ("document" if entry.article else "heartbeat") for entry in ledger.entries
        )
        articles = [entry.article for entry in ledger.entries if entry.article is not None]
        kinds["deleted"] += sum(article.deleted for article in articles)
        kinds["revised"] += sum(article.revision > 0 for article in articles)
        kinds["zh"] += sum(article.language == "zh" for article in articles)
        kinds["again"] += len(ledger.entries) - len({entry.value for entry in ledger.entries})
        kinds["embargoed"] += sum(
            entry.article is not None and entry.moves_to is None for entry in ledger.entries
        )
    assert min(kinds.values()) >= 5, kinds


def test_the_ledger_means_by_its_records_what_the_wire_format_means():
    for entry in write_stream(3).entries:
        source = SourcePartition(entry.topic, entry.partition)
        record = RawRecord(source, entry.offset, entry.timestamp, b"-", entry.value)
        outcome = read_record(record, SourceClass("news" if entry.topic == NEWS else "social"), InputLimits())
        if entry.article is not None:
            assert isinstance(outcome, Keep), entry
            assert outcome.value.event_time == entry.article.event_time
            assert outcome.value.embargoed == (entry.moves_to is None)
        elif entry.reason == "model_refused":
            assert isinstance(outcome, Keep), entry
        elif entry.reason:
            assert getattr(outcome, "reason", None) == entry.reason
        else:
            assert isinstance(outcome, Drop)


def of(*articles: tuple[Article, timedelta]) -> Expected:
    """The fold of documents that arrive in one partition, each so long after noon."""
    entries = tuple(
        Entry(NEWS, 0, offset, NOON + after, b"", article, moves_to=article.event_time)
        for offset, (article, after) in enumerate(articles)
    )
    return fold(Ledger(0, 1, entries, frozenset()))


def article(minute: float, identity: str = "a", **fixed: Any) -> Article:
    at = NOON + timedelta(minutes=minute)
    return Article(
        **{"source": "wire", "source_id": identity, "event_time": at, "source_time": at, "wording": identity}
        | fixed
    )


def test_a_document_behind_its_partitions_clock_is_late_for_its_pane_and_not_for_its_hour():
    late = of((article(40, "ahead"), timedelta(hours=1)), (article(2, "behind"), timedelta(hours=1)))
    cells = {
        cell[0]: figures[-1]
        for cell, figures in late.windows.items()
        if cell[1] == NOON and cell[2:] == ("MARKET", "all", "all")
    }
    assert cells["5m"] == 1
    assert cells["1h"] == 0


def test_the_largest_revision_is_current_whenever_it_came():
    first, second = article(1, revision=0), article(1, revision=1, title="corrected")
    for order in ((first, second), (second, first)):
        found = of(*((version, timedelta(hours=n)) for n, version in enumerate(order)))
        assert [row[0] for row in found.documents.values()] == [1]
        assert len(found.superseded) == 1


def outcome(**fixed: Any) -> Outcome:
    return Outcome(**{"number": 0, "fault": "calm", "stream": 1, "same": True} | fixed)


def test_one_wrong_round_fails_the_whole():
    assert report.last_line([outcome()], 1).endswith("ok")
    assert report.last_line([outcome(), outcome(problems=["lost"])], 1).endswith("FAILED")
    assert report.last_line([], 1).endswith("FAILED")


def test_a_plan_is_the_same_for_the_same_seed_and_takes_every_fault_equally_often():
    plans = plan_rounds(2 * len(ALL), 7, ALL)
    assert plans == plan_rounds(2 * len(ALL), 7, ALL)
    assert set(Counter(plan.fault.name for plan in plans).values()) == {2}
    assert plans != plan_rounds(2 * len(ALL), 8, ALL)
