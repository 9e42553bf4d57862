"""The calm week: traffic about the companies and the market, with bad news kept sparse and even.

"Any seed gives its planted surges and nothing else" holds by construction, not by luck:
times of negative texts are stratified; subjects, and the topics of each subject, take turns in proportion to
their weights; one company has at least `NEGATIVE_GAP` between two negative texts, and a topic at most
`TOPIC_HOURLY` of them in an hour.
A classifier that misreads one text in ten adds to that, but stays far from five negative stories an hour.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict, deque
from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING

from streams.scenario import phrases
from streams.scenario.cast import COMPANIES, PUBLISHERS, Company, Voice
from streams.scenario.shapes import Draft
from streams.scenario.tides import DAY, HOUR, SPAN_SECONDS, activity, event_seconds
from streams.scenario.writing import Decks, Subject, Writer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from random import Random

    from streams.scenario.phrases import Lead
    from streams.scenario.shapes import Channel, Label, Language

COUNTS: tuple[tuple[Label, int], ...] = (("negative", 720), ("positive", 1450), ("neutral", 3650))
FLATNESS: dict[Label, float] = {"negative": 0.6, "positive": 0.2, "neutral": 0.0}
NEGATIVE_GAP = 45 * 60
TOPIC_HOURLY = 3
MARKET = "MARKET"
MARKET_RATIO = 0.25  # texts without a company to one with: a fifth of all
NEWS_SHARE = 0.5
ABROAD_SHARE = 0.12
REPOSTS = 110
CLOSING_EACH = (
    26  # neutral texts a channel in the last half hour: every partition's watermark moves to the end
)
CLOSING_SPAN = 1800


class Turns:
    """Smooth weighted round robin: in any stretch each name gets its share, give or take two."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._credit: defaultdict[str, float] = defaultdict(float)

    def next(self, weights: Mapping[str, float], free: Callable[[str], bool]) -> str:
        """The name most due of those that are free (of all, when none is)."""
        total = sum(weights.values())
        for name, weight in weights.items():
            self._credit[name] += weight / total
        names = [name for name in weights if free(name)] or list(weights)
        chosen = max(names, key=lambda name: self._credit[name] + self._rng.uniform(-0.3, 0.3))
        self._credit[chosen] -= 1.0
        return chosen


class Subjects:
    """Whose turn it is: companies by how busy their market is, and the market itself (None)."""

    def __init__(self, rng: Random, gap: int) -> None:
        self._turns = Turns(rng)
        self._gap = gap
        self._last: defaultdict[str, int] = defaultdict(lambda: -DAY)

    def next(self, second: int) -> Company | None:
        """At least `gap` seconds lie between two turns of a subject."""
        symbol = self._turns.next(_weights(second), lambda name: second - self._last[name] >= self._gap)
        self._last[symbol] = second
        return _BY_SYMBOL.get(symbol)


_BY_SYMBOL = {company.symbol: company for company in COMPANIES}


def _weights(second: int) -> dict[str, float]:
    weights = {c.symbol: activity(c.home, second) ** 0.7 for c in COMPANIES}
    return weights | {MARKET: MARKET_RATIO * sum(weights.values())}


class TopicCaps:
    """Keeps negative texts of one topic below a number an hour, and a day near the topic's usual share."""

    def __init__(self) -> None:
        self._seen: defaultdict[str, deque[int]] = defaultdict(deque)
        self._daily = {topic: math.ceil(1.3 * usual) + 2 for topic, usual in _usual_negatives().items()}

    def allows(self, topic: str, second: int) -> bool:
        seen = self._seen[topic]
        while seen and seen[0] <= second - DAY:
            seen.popleft()
        hour = sum(at > second - HOUR for at in seen)
        return hour < TOPIC_HOURLY and len(seen) < self._daily[topic]

    def note(self, topic: str, second: int) -> None:
        self._seen[topic].append(second)


def _usual_negatives() -> dict[str, float]:
    """Negative texts a day by topic, from the shares of the templates."""
    usual: defaultdict[str, float] = defaultdict(float)
    daily = dict(COUNTS)["negative"] * DAY / SPAN_SECONDS
    market = MARKET_RATIO / (1 + MARKET_RATIO)
    for language, channel in product(("en", "zh"), ("news", "social")):
        for about, share in (("company", 1 - market), ("market", market)):
            stock = phrases.leads(language, about, "negative", channel)
            for topic, _ in stock:
                usual[topic] += daily / 4 * share / len(stock)
    return dict(usual)


class Newsroom:
    """Writes ordinary drafts and hands each to a publisher or an author."""

    def __init__(self, rng: Random, authors: tuple[Voice, ...]) -> None:
        self._rng = rng
        self._writer = Writer(rng)
        self._decks = Decks(rng)
        self._caps = TopicCaps()
        self._topics: defaultdict[str, Turns] = defaultdict(lambda: Turns(rng))
        self._voices: dict[tuple[Channel, Language], list[Voice]] = defaultdict(list)
        for voice in (*PUBLISHERS, *authors):
            self._voices[voice.channel, voice.language].append(voice)

    def week(self) -> list[Draft]:
        """All ordinary drafts by event time, reposts and closing documents included."""
        drafts = [draft for label, count in COUNTS for draft in self._labelled(label, count)]
        drafts += self._reposts(drafts)
        drafts += self._closing()
        return sorted(drafts, key=lambda draft: draft.seconds)

    def voice(self, channel: Channel, language: Language) -> Voice:
        """Publishers and authors take turns in a shuffled order."""
        return self._decks.deal((channel, language), self._voices[channel, language])

    def _labelled(self, label: Label, count: int) -> list[Draft]:
        subjects = Subjects(self._rng, NEGATIVE_GAP if label == "negative" else 0)
        seconds = event_seconds(self._rng, count, flatness=FLATNESS[label])
        return [self._draft(second, label, subjects.next(second)) for second in seconds]

    def _draft(
        self, second: int, label: Label, company: Company | None, channel: Channel | None = None
    ) -> Draft:
        channel = channel or ("news" if self._rng.random() < NEWS_SHARE else "social")
        subject = Subject(company, self._language(second, company), channel)
        lead = self._lead(subject, label, second)
        text = self._writer.write(subject, label, lead)
        return Draft(
            seconds=second,
            channel=channel,
            language=subject.language,
            title=text.title,
            content=text.content,
            voice=self.voice(channel, subject.language),
            label=label,
            topic=lead[0],
            company=company,
            hints=hints(self._rng, company, subject.language),
        )

    def _lead(self, subject: Subject, label: Label, second: int) -> Lead:
        if label != "negative":
            return self._writer.lead(subject, label)
        stock = phrases.leads(subject.language, subject.about, label, subject.channel)
        turns = self._topics[subject.company.symbol if subject.company else MARKET]
        topic = turns.next(Counter(lead[0] for lead in stock), lambda name: self._caps.allows(name, second))
        self._caps.note(topic, second)
        return self._writer.lead(subject, label, lambda lead: lead[0] == topic)

    def _language(self, second: int, company: Company | None) -> Language:
        if company is None:
            english, chinese = activity("en", second), activity("zh", second)
            return "en" if self._rng.random() < english / (english + chinese) else "zh"
        if self._rng.random() < ABROAD_SHARE:
            return "zh" if company.home == "en" else "en"
        return company.home

    def _reposts(self, drafts: list[Draft]) -> list[Draft]:
        """Posts repeated by others minutes later; never of bad news, so that calm stays calm."""
        latest = SPAN_SECONDS - 2 * HOUR
        posts = [d for d in drafts if d.channel == "social" and d.label != "negative" and d.seconds < latest]
        return [self._repost(post) for post in self._rng.sample(posts, REPOSTS)]

    def _repost(self, post: Draft) -> Draft:
        return replace(
            post,
            seconds=post.seconds + self._rng.randint(90, 5400),
            content=f"RT @{post.voice.name}: {post.content}",
            voice=self.voice("social", post.language),
        )

    def _closing(self) -> list[Draft]:
        subjects = Subjects(self._rng, 0)
        channels: tuple[Channel, ...] = ("news", "social")
        step = CLOSING_SPAN / (2 * CLOSING_EACH)
        seconds = [
            SPAN_SECONDS - CLOSING_SPAN + int((i + self._rng.random()) * step)
            for i in range(2 * CLOSING_EACH)
        ]
        return [
            self._draft(second, "neutral", subjects.next(second), channels[i % 2])
            for i, second in enumerate(seconds)
        ]


def hints(rng: Random, company: Company | None, language: Language) -> tuple[str, ...]:
    """Ticker hints: always when the text names the company in a foreign language, else half of the time."""
    if company is None:
        return ()
    return (company.hint,) if language != company.home or rng.random() < 0.5 else ()
