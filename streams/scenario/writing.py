"""From templates to texts: decks that delay repetition, and a memory that refuses near-copies."""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from streams.scenario import phrases
from streams.scenario.slots import Filler

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence
    from random import Random

    from streams.scenario.cast import Company
    from streams.scenario.shapes import Channel, Label, Language

Card = TypeVar("Card")

SHINGLE = 5
MEMORY = 12  # texts remembered a template
ATTEMPTS = 12
ALIKE = 0.45  # story clustering merges from about 0.7 on; ordinary texts stay well below


@dataclass(frozen=True, slots=True)
class Subject:
    """What a text is about, and in which language and channel it appears."""

    company: Company | None
    language: Language
    channel: Channel

    @property
    def about(self) -> str:
        return "market" if self.company is None else "company"


@dataclass(frozen=True, slots=True)
class Text:
    title: str
    content: str

    @property
    def joined(self) -> str:
        return f"{self.title} {self.content}".strip()


def shingles(text: str) -> frozenset[str]:
    """Character 5-shingles of the casefolded text."""
    folded = text.casefold()
    return frozenset(folded[i : i + SHINGLE] for i in range(max(1, len(folded) - SHINGLE + 1)))


def likeness(left: frozenset[str], right: frozenset[str]) -> float:
    """Jaccard similarity of two non-empty sets."""
    shared = len(left & right)
    return shared / (len(left) + len(right) - shared)


def _anything(_: object) -> bool:
    return True


class Decks:
    """Shuffled decks: every card of a deck is dealt once before any is dealt again."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._left: defaultdict[Hashable, list[int]] = defaultdict(list)

    def deal(self, key: Hashable, cards: Sequence[Card], fits: Callable[[Card], bool] = _anything) -> Card:
        """The next card of deck `key` that fits; ValueError when no card at all fits."""
        left = self._left[key]
        for place, card in enumerate(left):
            if fits(cards[card]):
                return cards[left.pop(place)]
        if not any(fits(card) for card in cards):
            raise ValueError(f"no card of deck {key!r} fits")
        left += self._rng.sample(range(len(cards)), len(cards))
        return self.deal(key, cards, fits)


class Memory:
    """Shingles of recent texts by template, so that a reused template must read differently."""

    def __init__(self, limit: int | None = MEMORY) -> None:
        self._recent: defaultdict[Hashable, deque[frozenset[str]]] = defaultdict(lambda: deque(maxlen=limit))

    def freshest(self, key: Hashable, write: Callable[[], Text]) -> Text:
        """The first draft unlike what was written under `key`, else the least alike of a dozen."""
        drafts: list[tuple[float, int, Text]] = []
        for attempt in range(ATTEMPTS):
            draft = write()
            seen = shingles(draft.joined)
            alike = max((likeness(seen, other) for other in self._recent[key]), default=0.0)
            drafts.append((alike, attempt, draft))
            if alike < ALIKE:
                break
        text = min(drafts)[2] if drafts[-1][0] >= ALIKE else drafts[-1][2]
        self._recent[key].append(shingles(text.joined))
        return text


class Writer:
    """Writes ordinary texts of one label around a given lead."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._decks = Decks(rng)
        self._memory = Memory()

    def lead(
        self, subject: Subject, label: Label, fits: Callable[[phrases.Lead], bool] = _anything
    ) -> phrases.Lead:
        """The next lead of the subject's deck that fits."""
        cards = phrases.leads(subject.language, subject.about, label, subject.channel)
        symbol = subject.company.symbol if subject.company else None
        return self._decks.deal((symbol, subject.language, subject.channel, label), cards, fits)

    def write(self, subject: Subject, label: Label, lead: phrases.Lead) -> Text:
        """A text unlike the recent ones with the same lead."""
        pen = self._article if subject.channel == "news" else self._post
        return self._memory.freshest(lead[1], lambda: pen(subject, label, lead[1]))

    def _article(self, subject: Subject, label: Label, lead: str) -> Text:
        filler = Filler(self._rng, subject.company, subject.language, subject.channel)
        stock = phrases.details(subject.language, subject.about, label)
        body = self._rng.sample(range(len(stock)), 2 if self._rng.random() < 0.5 else 1)
        joint = " " if subject.language == "en" else ""
        return Text(filler.fill(lead), joint.join(filler.fill(stock[i]) for i in body))

    def _post(self, subject: Subject, label: Label, lead: str) -> Text:
        filler = Filler(self._rng, subject.company, subject.language, subject.channel)
        openers, tails = phrases.trimmings(subject.language, label)
        post = filler.fill(self._rng.choice(openers)) + filler.fill(lead)
        if not post.endswith(("?", "？")) and subject.language == "en":
            post += "."
        return Text("", post + filler.fill(self._rng.choice(tails)))
