"""A seeded producer: some hundred records over two and a half days with everything that goes wrong in feeds.

Ordinary documents in English and Chinese, copies, duplicates (in the same and in other partitions), a row per ticker,
revisions (some in the wrong order), late documents, withdrawals, embargoes, malformed records, texts that the model refuses,
heartbeats, and one burst of bad news about one company.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING, Any

from tests.chaos.ledger import NEWS, SOCIAL, Article, Entry, Ledger
from tests.chaos.rule import DEADLY, EXPLOSIVE, REFUSED, buried_for
from tests.chaos.spoiled import SPOILED

if TYPE_CHECKING:
    from collections.abc import Iterator

START = datetime(2026, 3, 2, tzinfo=UTC)
SPAN = timedelta(hours=60)
PARTITIONS = 3
COMPANIES = {
    "en": (("us.nvda", "Nvidia"), ("us.tsla", "Tesla"), ("us.pfe", "Pfizer")),
    "zh": (("cn.600519", "贵州茅台"), ("cn.300750", "宁德时代"), ("us.msft", "微软")),
}
TICKERS = (("NVDA", "us.nvda", "Nvidia"), ("KO", "us.ko", "Coca-Cola Company"), ("PFE", "us.pfe", "Pfizer"))
TONES = {"en": ("plunges", "reports", "soars"), "zh": ("暴跌", "公告", "大涨")}
SYLLABLES = ("ba", "de", "fi", "go", "lu", "mi", "no", "pa", "re", "si", "tu", "vo", "wa", "zi")
SIGNS = "的一是了不在有这为上个到时来用们生对作年着那要以会可他得子里后自之"


@dataclass(frozen=True, slots=True)
class Sent:
    """A record before it has an offset."""

    at: datetime
    topic: str
    value: bytes | None
    article: Article | None = None
    reason: str = ""
    moves_to: datetime | None = None


@dataclass(slots=True)
class Producer:
    """Writes a stream; its randomness is its own."""

    rng: Random
    sent: list[Sent] = field(default_factory=list)
    _number: int = 0

    def name(self, kind: str) -> str:
        self._number += 1
        return f"{kind}-{self._number}"

    def moment(self, low: float = 0.0, high: float = 1.0) -> datetime:
        """A whole millisecond of the span, as event times are written."""
        seconds = SPAN.total_seconds() * self.rng.uniform(low, high)
        return START + timedelta(milliseconds=round(seconds * 1000))

    def soon(self, at: datetime, longest: float = 20) -> datetime:
        return at + timedelta(milliseconds=round(self.rng.uniform(0.1, longest) * 1000))

    def words(self, language: str, count: int) -> str:
        if language == "zh":
            return "".join(self.rng.choice(SIGNS) for _ in range(2 * count))
        return " ".join("".join(self.rng.choices(SYLLABLES, k=3)) for _ in range(count))

    def article(self, at: datetime, kind: str, **fixed: Any) -> Article:
        """A document of any language about at most one company."""
        rng = self.rng
        language = fixed.pop("language", rng.choice(("en", "en", "zh")))
        entity, named = fixed.pop("company", rng.choice((*COMPANIES[language], ("", ""))))
        tone = TONES[language][fixed.pop("tone", rng.choices((0, 1, 2), (1, 6, 2))[0])]
        gap = " " if language == "en" else ""
        identity = self.name(kind)
        return Article(
            **{
                "source": f"wire-{rng.randrange(4)}",
                "source_id": identity,
                "event_time": at,
                "source_time": at,
                "title": gap.join(filter(None, (named, tone, self.words(language, 3)))),
                "content": self.words(language, 14),
                "language": language,
                "author": f"@hand{rng.randrange(12)}",
                "publisher": f"paper {rng.randrange(9)}",
                "companies": {entity: named} if entity else {},
                "wording": identity,
            }
            | fixed
        )

    def send(self, article: Article, at: datetime | None = None, topic: str = "", **more: Any) -> Sent:
        """Publish a version; its tickers are those of this delivery."""
        topic = topic or self.rng.choice((NEWS, SOCIAL))
        at = at or self.soon(article.event_time)
        payload = document(article) | more.pop("fields", {})
        value = json.dumps(payload, ensure_ascii=False).encode()
        record = Sent(at, topic, value, article, buried_for(article.text))
        self.sent.append(replace(record, moves_to=more.pop("moves_to", article.event_time), **more))
        return self.sent[-1]


def document(article: Article) -> dict[str, Any]:
    """The payload; what is empty is left out, as feeds do."""
    fields = {
        "version": "document.v1",
        "id": article.source_id,
        "source": article.source,
        "event_time": article.event_time.isoformat(),
        "source_time": article.source_time.isoformat(),
        "revision": article.revision,
        "deleted": article.deleted,
        "title": article.title,
        "content": article.content,
        "language": article.language,
        "author": article.author,
        "publisher": article.publisher,
        "tickers": [symbol for symbol, _, _ in article.hints],
    }
    return {name: value for name, value in fields.items() if value}


def write_stream(seed: int, size: int = 220, *, poison: bool = False) -> Ledger:
    """The stream of this seed; ``size`` ordinary documents, the rest in proportion.

    With ``poison`` also a text that kills the model's process and documents that make a stage raise.
    """
    producer = Producer(Random(seed))
    rng = producer.rng
    for _ in range(size):
        producer.send(producer.article(producer.moment(), "plain"))
    _copy(producer, size // 10)
    _revise(producer, size // 12)
    _arrive_late(producer, size // 12)
    _withhold(producer, size // 40)
    _redeliver(producer, size // 5)
    _spoil(producer, REFUSED, size // 40)
    if poison:
        _spoil(producer, DEADLY, 1)
        _spoil(producer, EXPLOSIVE, 3)
    entity = _burst(producer)
    for _ in range(size // 20):
        at = producer.moment()
        value = json.dumps({"version": "heartbeat.v1", "event_time": at.isoformat()}).encode()
        producer.sent.append(Sent(producer.soon(at, 2), rng.choice((NEWS, SOCIAL)), value, moves_to=at))
    for reason, spoil in SPOILED:
        at = producer.moment()
        topic = rng.choice((NEWS, SOCIAL))
        value = spoil(document(producer.article(at, "bad")))
        producer.sent.append(Sent(producer.soon(at), topic, value, reason=reason))
    return Ledger(seed, PARTITIONS, tuple(_numbered(producer)), frozenset({entity}))


def _redeliver(producer: Producer, count: int) -> None:
    """The same bytes again, now or hours later; what was embargoed then may be out by now."""
    for record in producer.rng.sample(producer.sent, count):
        assert record.article is not None
        at, happened = producer.soon(record.at, 7200), record.article.event_time
        released = happened if at >= happened else None
        producer.sent.append(replace(record, at=at, moves_to=record.moves_to or released))


def _copy(producer: Producer, count: int) -> None:
    """Copies under other names, and a row per ticker."""
    rng = producer.rng
    for record in rng.sample(producer.sent, count):
        assert record.article is not None
        at = record.article.event_time + timedelta(seconds=rng.randrange(1, 20_000))
        twin = producer.name("copy")
        producer.send(replace(record.article, source_id=twin, event_time=at, source_time=at))
    for _ in range(count // 2):
        plain = producer.article(producer.moment(), "listed", company=("", ""), language="en")
        topic = rng.choice((NEWS, SOCIAL))
        for hint in rng.sample(TICKERS, 2):
            producer.send(replace(plain, hints=(hint,)), producer.soon(plain.event_time, 900), topic)


def _revise(producer: Producer, count: int) -> None:
    """Corrections, often of the text, sometimes of the date, a third in the wrong order; and withdrawals."""
    rng = producer.rng
    for number in range(count):
        first = producer.article(producer.moment(0, 0.95), "draft")
        versions = [first]
        for revision in range(1, rng.choice((2, 2, 3))):
            at = versions[-1].source_time + timedelta(seconds=rng.randrange(30, 9_000))
            other = producer.article(first.event_time, "draft")
            moved = first.event_time + timedelta(seconds=rng.choice((0, 0, -400, 700)))
            changed = replace(other, source=first.source, source_id=first.source_id, wording=first.wording)
            versions.append(replace(changed, revision=revision, source_time=at, event_time=min(moved, at)))
        if number % 3 == 0:
            last = versions[-1]
            gone = {"title": "", "content": "", "language": "", "companies": {}, "deleted": True}
            at = last.source_time + timedelta(seconds=rng.randrange(30, 9_000))
            versions.append(replace(last, revision=last.revision + 1, source_time=at, **gone))
        topic = rng.choice((NEWS, SOCIAL))
        moments = [producer.soon(version.source_time) for version in versions]
        if rng.random() < 1 / 3:
            latest = max(moments)
            moments = [producer.soon(latest, 60) for _ in moments]
        for version, at in zip(versions, moments, strict=True):
            producer.send(version, at, topic)


def _arrive_late(producer: Producer, count: int) -> None:
    for _ in range(count):
        article = producer.article(producer.moment(0, 0.9), "late")
        producer.send(article, article.event_time + timedelta(seconds=producer.rng.randrange(200, 30_000)))


def _withhold(producer: Producer, count: int) -> None:
    """Embargoed: it happens at its release, and until then nobody's clock follows it."""
    for _ in range(count):
        written = producer.article(producer.moment(0, 0.8), "embargo")
        release = written.event_time + timedelta(seconds=producer.rng.randrange(1_800, 20_000))
        fields = {"event_time": written.event_time.isoformat(), "embargo_until": release.isoformat()}
        producer.send(
            replace(written, event_time=release),
            producer.soon(written.event_time),
            fields=fields,
            moves_to=None,
        )


def _spoil(producer: Producer, word: str, count: int) -> None:
    """Documents that are buried because of a word in them."""
    for _ in range(count):
        plain = producer.article(producer.moment(), word, language="en")
        producer.send(replace(plain, content=f"{word} {plain.content}"))


def _burst(producer: Producer) -> str:
    """Twenty bad stories within the hour about one company, from many hands; returns the company."""
    rng = producer.rng
    language = rng.choice(("en", "zh"))
    company = rng.choice(COMPANIES[language])
    began = producer.moment(0.9, 0.95)
    for number in range(20):
        at = began + timedelta(seconds=rng.randrange(3_000))
        hands = {"author": f"@loud{number}", "publisher": f"herald {number}"}
        producer.send(producer.article(at, "loud", language=language, company=company, tone=0, **hands))
    return company[0]


def _numbered(producer: Producer) -> Iterator[Entry]:
    """In order of publication, each with the next offset of its partition; a document's id decides where it goes."""
    ends: dict[tuple[str, int], int] = {}
    seen: dict[bytes, int] = {}
    for record in sorted(producer.sent, key=lambda record: (record.at, record.topic, record.value or b"")):
        partition = producer.rng.randrange(PARTITIONS)
        if record.article is not None and record.value is not None and producer.rng.random() < 0.7:
            partition = seen.setdefault(record.article.source_id.encode(), partition)
        offset = ends.get((record.topic, partition), 0)
        ends[record.topic, partition] = offset + 1
        yield Entry(
            record.topic, partition, offset, record.at, record.value,
            None if record.reason else record.article, record.reason, record.moves_to,
        )  # fmt: skip
