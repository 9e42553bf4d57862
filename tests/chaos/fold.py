"""The naive reference: what the tables must hold, from the ledger alone, with dictionaries and exact fractions.

Deliberately simple and deliberately not the product's code: no batches, no versions resolved on the way, no SQL. The whole
ledger is read at once, in the order in which it was published.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal, localcontext
from fractions import Fraction
from itertools import product
from typing import TYPE_CHECKING, Any

from streams.domain.label import TOPIC_SLUGS
from tests.chaos import rule
from tests.chaos.ledger import SOURCE_CLASS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.chaos.ledger import Article, Entry, Ledger

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
PANE = timedelta(minutes=5)
SIZES = {"5m": PANE, "1h": timedelta(hours=1), "1d": timedelta(days=1)}
LATENESS = {"news": timedelta(minutes=10), "social": timedelta(minutes=2)}
TONES = ("negative", "neutral", "positive")

Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Delivery:
    """One record of one version, with the event time its partition had reached before it."""

    entry: Entry
    article: Article
    known: datetime | None

    @property
    def source_class(self) -> str:
        return SOURCE_CLASS[self.entry.topic]

    @property
    def known_pane(self) -> datetime:
        """The first pane end for which this delivery was not late."""
        own = start_of(self.article.event_time, PANE) + PANE
        if self.known is None:
            return own
        passed = start_of(self.known - LATENESS[self.source_class], PANE)
        return max(own, passed + PANE)


@dataclass(slots=True)
class Expected:
    """The rows of one run; see `tests.chaos.tables` for how they are read from the database."""

    documents: dict[Key, tuple[Any, ...]] = field(default_factory=dict)
    superseded: dict[tuple[Any, ...], tuple[Any, ...]] = field(default_factory=dict)
    mentions: dict[tuple[str, str, str], tuple[Any, ...]] = field(default_factory=dict)
    windows: dict[tuple[Any, ...], tuple[Any, ...]] = field(default_factory=dict)
    dead_letters: dict[tuple[str, int, int], str] = field(default_factory=dict)
    progress: dict[tuple[str, int], int] = field(default_factory=dict)


def start_of(time: datetime, width: timedelta) -> datetime:
    return EPOCH + (time - EPOCH) // width * width


def fold(ledger: Ledger) -> Expected:
    """What must be stored once all of the ledger is consumed and closed."""
    expected = Expected(progress=ledger.ends())
    versions: dict[Key, dict[Any, list[Delivery]]] = defaultdict(lambda: defaultdict(list))
    reached: dict[tuple[str, int], datetime] = {}
    for entry in ledger.entries:
        place = (entry.topic, entry.partition)
        if entry.reason:
            expected.dead_letters[(*place, entry.offset)] = entry.reason
        elif entry.article is not None:
            delivery = Delivery(entry, entry.article, reached.get(place))
            versions[entry.article.key][entry.article.version].append(delivery)
        if entry.moves_to is not None:
            reached[place] = max(entry.moves_to, reached.get(place, entry.moves_to))
    told: list[Told] = []
    for key, found in versions.items():
        told += list(_document(expected, key, found))
    expected.windows = dict(_windows(told))
    return expected


def first_known(deliveries: Sequence[Delivery]) -> Delivery:
    """The delivery that makes it known earliest."""
    never = datetime.min.replace(tzinfo=UTC)
    return min(deliveries, key=lambda delivery: delivery.known or never)


def _document(expected: Expected, key: Key, versions: dict[Any, list[Delivery]]) -> Iterator[Told]:
    """Rows of one document: its current version and the superseded ones; yields what its mentions say."""
    ordered = sorted(versions)
    for number, version in enumerate(ordered):
        deliveries = versions[version]
        row = _row(deliveries)
        if number + 1 < len(ordered):
            later = min(first_known(versions[newer]).known_pane for newer in ordered[number + 1 :])
            expected.superseded[(*key, *version)] = (*row, later)
            continue
        expected.documents[key] = (*version, *row)
        for mention in _mentions(deliveries):
            expected.mentions[(*key, mention.entity)] = (
                *map(in_units, mention.values), TONES[mention.top], mention.known_pane,
            )  # fmt: skip
            yield mention


def _row(deliveries: Sequence[Delivery]) -> tuple[Any, ...]:
    article, known = deliveries[0].article, first_known(deliveries)
    first = min(deliveries, key=lambda d: (d.entry.topic, d.entry.partition, d.entry.offset)).entry
    topic = "" if article.deleted else TOPIC_SLUGS[_topic_of(article)]
    companies = {entity for delivery in deliveries for entity, _ in _named(delivery.article)}
    return (
        article.event_time, article.deleted, article.title, article.content, article.publisher, topic, len(companies),
        known.known, known.known_pane, first.topic, first.partition, first.offset, first.timestamp,
    )  # fmt: skip


def _topic_of(article: Article) -> int:
    values = rule.topic(article.text, len(TOPIC_SLUGS))
    return values.index(max(values))


def _named(article: Article) -> Iterator[tuple[str, str]]:
    if not article.deleted:
        yield from article.companies.items()
        yield from ((entity, name) for _, entity, name in article.hints)


@dataclass(frozen=True, slots=True)
class Told:
    """What one document says of one entity (MARKET: on the whole)."""

    entity: str
    at: datetime
    topic: str
    source_class: str
    hand: tuple[str, ...]
    """Whose voice it is, for counting independent sources."""
    wording: str
    values: tuple[int, ...]
    known_pane: datetime

    @property
    def top(self) -> int:
        return self.values.index(max(self.values))


def _mentions(deliveries: Sequence[Delivery]) -> Iterator[Told]:
    """MARKET, and each entity that any delivery names, known from the first delivery on that names it."""
    article, source_class = deliveries[0].article, deliveries[0].source_class
    if article.deleted:
        return
    naming: dict[tuple[str, str], list[Delivery]] = defaultdict(list)
    for delivery in deliveries:
        for named in (("MARKET", ""), *_named(delivery.article)):
            naming[named].append(delivery)
    hand = ("publisher", article.publisher) if source_class == "news" else (article.source, article.author)
    for (entity, surface), known in naming.items():
        yield Told(
            entity, article.event_time, TOPIC_SLUGS[_topic_of(article)], source_class, hand, article.wording,
            tuple(rule.sentiment(article.text, surface)), first_known(known).known_pane,
        )  # fmt: skip


def _windows(told: Sequence[Told]) -> Iterator[tuple[tuple[Any, ...], tuple[Any, ...]]]:
    cells: dict[tuple[Any, ...], list[Told]] = defaultdict(list)
    for item in told:
        for (size, width), topic, source in product(
            SIZES.items(), (item.topic, "all"), (item.source_class, "all")
        ):
            cells[size, start_of(item.at, width), item.entity, topic, source].append(item)
    for cell, items in cells.items():
        yield cell, _figures(items, cell[1] + SIZES[cell[0]])


def _figures(items: Sequence[Told], end: datetime) -> tuple[Any, ...]:
    counts = [sum(item.top == tone for item in items) for tone in range(3)]
    confidence = sum(max(item.values) for item in items)
    weighted = sum(max(item.values) * (item.values[2] - item.values[0]) for item in items)
    return (
        len(items),
        len({item.wording for item in items}),
        len({item.hand for item in items}),
        *counts,
        len({item.wording for item in items if item.top == 0}),
        rounded(Fraction(counts[2] - counts[0], len(items))),
        rounded(Fraction(counts[0], len(items))),
        rounded(Fraction(weighted, confidence * rule.SCALE)),
        rounded(Fraction(sum(item.values[0] for item in items), len(items) * rule.SCALE)),
        rounded(Fraction(sum(item.values[2] for item in items), len(items) * rule.SCALE)),
        sum(item.known_pane > end for item in items),
    )


def rounded(value: Fraction) -> Decimal:
    """Six digits after the point, halves away from zero, as numeric columns round."""
    with localcontext() as context:
        context.prec = 40
        exact = Decimal(value.numerator) / Decimal(value.denominator)
        return exact.quantize(Decimal("0.000001"), rounding=ROUND_HALF_UP)


def in_units(ten_thousandths: int) -> Decimal:
    return Decimal(ten_thousandths).scaleb(-4)
