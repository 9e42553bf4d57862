"""From drafts to records: ids, payloads, arrival times, redeliveries and revisions."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from streams.scenario.shapes import KAFKA_TOPIC, Record, Truth
from streams.scenario.tides import SPAN_SECONDS, START

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

    from streams.scenario.cast import TimeStyle
    from streams.scenario.shapes import Draft

SHANGHAI = timezone(timedelta(hours=8))
MAX_DELAY = 55.0  # seconds from event to arrival, redelivery included: bounds the disorder of event times
SLOW_SHARE = 0.04
REDELIVERED = 45
REVISED = 16
_CORRECTION = {"en": " Corrected: an earlier version gave a wrong date.", "zh": "更正：此前版本日期有误。"}


@dataclass(frozen=True, slots=True)
class Issue:
    """A draft with its id."""

    id: str
    draft: Draft


@dataclass(frozen=True, slots=True)
class Arrival:
    """A record and when it arrives, in seconds of the span; the order of publishing."""

    second: float
    record: Record


def number(drafts: Sequence[Draft]) -> list[Issue]:
    """Ids in event-time order, counted a source."""
    counts: Counter[str] = Counter()
    issues = []
    for draft in drafts:
        counts[draft.voice.source] += 1
        issues.append(Issue(f"{draft.voice.source}-{counts[draft.voice.source]:05d}", draft))
    return issues


def truth(issues: Sequence[Issue]) -> dict[str, Truth]:
    return {
        issue.id: Truth(
            label=issue.draft.label,
            topic=issue.draft.topic,
            entity=issue.draft.company.symbol if issue.draft.company else None,
            language=issue.draft.language,
            kind=issue.draft.kind,
            event_time=START + timedelta(seconds=issue.draft.seconds),
        )
        for issue in issues
    }


def arrivals(rng: Random, issues: Sequence[Issue]) -> list[Arrival]:
    """First deliveries (1-8 s after the event, a few up to 55 s), redeliveries, revisions minutes later."""
    first = [_deliver(rng, issue) for issue in issues]
    again = [_again(rng, arrival) for arrival in rng.sample(first, REDELIVERED)]
    calm = [i for i in issues if _revisable(i)]
    revisions = [
        _revise(rng, issue, revision)
        for n, issue in enumerate(rng.sample(calm, REVISED))
        for revision in range(1, 3 if n < 3 else 2)
    ]
    return first + again + revisions


def _revisable(issue: Issue) -> bool:
    draft = issue.draft
    return (
        draft.kind == "ordinary"
        and draft.channel == "news"
        and draft.label != "negative"
        and draft.seconds < SPAN_SECONDS - 4 * 3600
    )


def _deliver(rng: Random, issue: Issue) -> Arrival:
    delay = rng.uniform(8, MAX_DELAY - 10) if rng.random() < SLOW_SHARE else rng.uniform(1, 8)
    at = min(issue.draft.seconds + delay, SPAN_SECONDS + MAX_DELAY)
    return Arrival(at, _record(issue, _payload(issue), at))


def _again(rng: Random, arrival: Arrival) -> Arrival:
    """The same key and value once more: a producer's retry."""
    later = rng.uniform(0.5, 9.5)
    record = arrival.record
    stamp = record.timestamp_ms + int(later * 1000)
    return Arrival(arrival.second + later, Record(record.topic, record.key, record.value, stamp))


def _revise(rng: Random, issue: Issue, revision: int) -> Arrival:
    """A corrected version: same id and event time, later source time, 5 to 40 minutes a revision."""
    source_second = issue.draft.seconds + revision * rng.randint(300, 2400)
    payload = _payload(issue)
    payload |= {
        "revision": revision,
        "source_time": _time(source_second, issue.draft.voice.times),
        "content": issue.draft.content + _CORRECTION[issue.draft.language] * revision,
    }
    at = source_second + rng.uniform(1, 8)
    return Arrival(at, _record(issue, payload, at))


def _record(issue: Issue, payload: dict[str, Any], arrival: float) -> Record:
    value = json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode()
    stamp = int(START.timestamp() * 1000) + int(arrival * 1000)
    return Record(KAFKA_TOPIC[issue.draft.channel], issue.id.encode(), value, stamp)


def _payload(issue: Issue) -> dict[str, Any]:
    draft = issue.draft
    payload: dict[str, Any] = {
        "version": "document.v1",
        "id": issue.id,
        "source": draft.voice.source,
        "event_time": _time(draft.seconds, draft.voice.times),
        "content": draft.content,
        "language": draft.language,
    }
    if draft.title:
        payload["title"] = draft.title
    if draft.channel == "news":
        payload |= {"publisher": draft.voice.name, "url": f"https://example.org/demo/{issue.id}"}
    else:
        payload["author"] = draft.voice.name
    if draft.hints:
        payload["tickers"] = list(draft.hints)
    return payload


def _time(second: int, style: TimeStyle) -> str | int:
    at: datetime = START + timedelta(seconds=second)
    if style == "seconds":
        return int(at.timestamp())
    if style == "milliseconds":
        return int(at.timestamp()) * 1000
    if style == "shanghai":
        return at.astimezone(SHANGHAI).isoformat()
    return at.isoformat().replace("+00:00", "Z")
