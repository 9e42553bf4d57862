"""The scenario's claims, over many seeds: its planted events and nothing else."""

import json
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import combinations, pairwise
from pathlib import Path
from random import Random

import pytest

from streams.scenario import Planted, Record, Scenario, Truth, generate
from streams.scenario.writing import likeness, shingles

SEEDS = [s if s < 5 else pytest.param(s, marks=pytest.mark.slow) for s in range(31)]
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
DATA = Path(__file__).parents[4] / "shared" / "data"


@lru_cache(maxsize=2)
def week(seed: int) -> Scenario:
    return generate(seed)


def payloads(scenario: Scenario) -> dict[str, dict]:
    """First version of each document by id."""
    found: dict[str, dict] = {}
    for record in scenario.records:
        key = record.key.decode()
        if key in scenario.truth:
            found.setdefault(key, json.loads(record.value))
    return found


def text(payload: dict) -> str:
    return f"{payload.get('title', '')} {payload['content']}".strip()


def event_time(payload: dict) -> datetime:
    value = payload["event_time"]
    if isinstance(value, int):
        return datetime.fromtimestamp(value / 1000 if value > 10**11 else value, UTC)
    return datetime.fromisoformat(value)


def ordinary_negatives(scenario: Scenario) -> list[Truth]:
    return [t for t in scenario.truth.values() if t.kind == "ordinary" and t.label == "negative"]


def most_within(times: list[datetime], span: timedelta) -> int:
    times, first, most = sorted(times), 0, 0
    for last, time in enumerate(times):
        while times[first] <= time - span:
            first += 1
        most = max(most, last - first + 1)
    return most


def check_windows(planted: tuple[Planted, ...], span: tuple[datetime, datetime]) -> None:
    for earlier, later in pairwise(planted):
        assert later.start - earlier.end >= 12 * HOUR
    assert planted[0].start >= span[0] + 3 * DAY
    assert planted[-1].end <= span[1] - 6 * HOUR
    assert all(HOUR <= p.end - p.start <= 3 * HOUR for p in planted)


def check_calm(negatives: list[Truth]) -> None:
    by: dict[tuple[str | None, ...], list[datetime]] = defaultdict(list)
    for truth in negatives:
        by["entity", truth.entity].append(truth.event_time)
        by["topic", truth.topic].append(truth.event_time)
        by["cell", truth.entity, truth.topic].append(truth.event_time)
    for key, times in by.items():
        assert most_within(times, HOUR) <= (3 if key[0] == "topic" else 2), key
        usual = len(times) / 7
        assert most_within(times, DAY) <= 1.5 * usual + (3.5 if key[0] == "cell" else 5), key


def check_order(scenario: Scenario, documents: dict[str, dict]) -> None:
    latest, seen = datetime.min.replace(tzinfo=UTC), set[str]()
    for record in scenario.records:
        key = record.key.decode()
        if key not in documents:
            continue
        happened = event_time(documents[key])
        assert record.timestamp_ms / 1000 >= happened.timestamp()
        if key not in seen:
            assert latest - happened <= timedelta(seconds=60)
            assert record.timestamp_ms / 1000 - happened.timestamp() <= 60
        latest = max(latest, happened)
        seen.add(key)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_seed_holds_its_planted_events_and_a_calm_week(seed):
    scenario = week(seed)
    kinds = {planted.kind for planted in scenario.planted}
    assert kinds == {"negative_surge", "topic_surge", "echo_storm", "positive_surge"}
    check_windows(scenario.planted, scenario.span)
    check_calm(ordinary_negatives(scenario))
    check_order(scenario, payloads(scenario))
    assert 5500 <= len(scenario.truth) <= 7500


def test_a_seed_gives_the_same_bytes_and_another_seed_others():
    assert generate(5) == week(5)
    assert week(5).records != week(6).records


def test_the_topic_surge_can_be_left_out():
    kinds = {planted.kind for planted in generate(3, topic_surge=False).planted}
    assert kinds == {"negative_surge", "echo_storm", "positive_surge"}


@pytest.mark.parametrize("seed", [0, 7, 19])
def test_surges_come_from_many_voices_on_both_topics(seed):
    scenario = week(seed)
    documents = payloads(scenario)
    for planted in scenario.planted:
        if planted.kind == "echo_storm":
            continue
        own = [documents[i] for i in planted.documents]
        assert len({d["publisher"] for d in own if "publisher" in d}) >= 5
        assert len({d["author"] for d in own if "author" in d}) >= 10
        assert {d["language"] for d in own} == {"en", "zh"}
        assert all(scenario.truth[i].entity == planted.entity for i in planted.documents)


@pytest.mark.parametrize("seed", [0, 7, 19])
def test_stories_of_a_surge_are_distinct_and_copies_of_an_echo_are_alike(seed):
    scenario = week(seed)
    documents = payloads(scenario)
    for planted in scenario.planted:
        texts = [shingles(text(documents[i])) for i in planted.documents]
        pairs = [likeness(left, right) for left, right in combinations(texts, 2)]
        if planted.kind == "echo_storm":
            assert min(likeness(texts[0], copy) for copy in texts) > 0.7
            assert len(texts) >= 80
        else:
            assert max(pairs) < 0.7
            assert len(texts) >= 38


@pytest.mark.parametrize("seed", [1, 8])
def test_ordinary_texts_of_an_entity_do_not_cluster(seed):
    scenario, rng = week(seed), Random(seed)
    by: dict[str | None, list[frozenset[str]]] = defaultdict(list)
    for key, payload in payloads(scenario).items():
        if scenario.truth[key].kind == "ordinary" and not payload["content"].startswith("RT @"):
            by[scenario.truth[key].entity].append(shingles(text(payload)))
    pairs = [likeness(*rng.sample(by[entity], 2)) for entity in by for _ in range(1500)]
    assert sum(pair >= 0.5 for pair in pairs) <= 0.01 * len(pairs)


def test_labels_are_a_natural_mix():
    labels = Counter(t.label for t in week(2).truth.values() if t.kind == "ordinary")
    shares = {label: count / labels.total() for label, count in labels.items()}
    assert 0.55 <= shares["neutral"] <= 0.68
    assert 0.20 <= shares["positive"] <= 0.30
    assert 0.08 <= shares["negative"] <= 0.16


def test_malformed_records_are_counted_by_reason():
    scenario = week(4)
    bad = [r for r in scenario.records if r.key.decode() not in scenario.truth]
    assert len(bad) == sum(scenario.malformed.values())
    assert set(scenario.malformed) == {
        "not_json",
        "not_utf8",
        "missing_event_time",
        "absurd_date",
        "empty_text",
        "null_byte",
        "unknown_version",
        "wrong_type",
        "too_long",
    }
    assert sum(len(record.value) > 1_000_000 for record in bad) == scenario.malformed["too_long"]
    assert sum(not readable(record) for record in bad) == 4  # not JSON, not UTF-8


def readable(record: Record) -> bool:
    try:
        json.loads(record.value.decode())
    except ValueError:
        return False
    return True


def test_redeliveries_repeat_bytes_and_revisions_raise_the_number():
    versions: dict[str, list[bytes]] = defaultdict(list)
    scenario = week(4)
    for record in scenario.records:
        versions[record.key.decode()].append(record.value)
    again = [values for key, values in versions.items() if len(values) > 1 and key in scenario.truth]
    assert any(len(set(values)) == 1 for values in again)
    revised = [json.loads(values[-1]) for values in again if len(set(values)) > 1]
    assert revised
    assert all(payload["revision"] >= 1 and payload["source_time"] for payload in revised)


def test_both_topics_reach_the_end_with_many_keys():
    scenario = week(4)
    end = scenario.span[1].timestamp() * 1000
    last = [r for r in scenario.records if r.timestamp_ms >= end - 30 * 60_000]
    keys = Counter(topic for topic, _ in {(r.topic, r.key) for r in last})
    assert keys["news.raw.v1"] >= 20
    assert keys["social.raw.v1"] >= 20


@pytest.mark.skipif(not DATA.is_dir(), reason="the recorded texts are not beside this checkout")
def test_no_text_is_copied_from_the_recorded_data():
    recorded = "\n".join(
        path.read_text("utf-8", errors="replace")
        for path in sorted(DATA.glob("*_*/*"))
        if path.suffix in {".csv", ".json"}
    )
    contents = sorted({p["content"] for p in payloads(week(9)).values() if len(p["content"]) >= 24})
    assert not [content for content in Random(9).sample(contents, 200) if content in recorded]
