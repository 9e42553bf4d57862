"""The planted events: what must raise a negative alert, and what must not.

ALL OF IT IS INVENTED: which company "suffers" is drawn from the seed, and nothing of it ever happened.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from streams.scenario import phrases
from streams.scenario.cast import COMPANIES, Company
from streams.scenario.ordinary import hints
from streams.scenario.shapes import Draft
from streams.scenario.slots import Filler
from streams.scenario.tides import DAY, HOUR, SPAN_SECONDS
from streams.scenario.writing import Decks, Memory, Text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

    from streams.scenario.ordinary import Newsroom
    from streams.scenario.shapes import Channel, Label, Language, PlantKind

CALM = 3 * DAY  # no plant before: detectors need a baseline
APART = 12 * HOUR
BEFORE_END = 6 * HOUR  # so that episodes can resolve
MARKET_STORYLINES = ("energy_oil", "fed_central_banks", "macro")
GENERAL_SHARE = 0.6  # of the articles add a sentence that is not about the storyline
MARKET_ENGLISH = 0.6  # of a topic surge
ABROAD_SHARE = 0.25  # of a company's surge appears in the other language


@dataclass(frozen=True, slots=True)
class Plan:
    """One event to come: `length` in seconds, `stories` distinct texts (or copies of one, for an echo)."""

    kind: PlantKind
    company: Company | None
    storyline: str
    label: Label
    length: int
    stories: int


@dataclass(frozen=True, slots=True)
class Plant:
    """A planted event as drafts, in event-time order."""

    plan: Plan
    topic: str
    drafts: tuple[Draft, ...]


def plant(rng: Random, room: Newsroom, *, topic_surge: bool) -> list[Plant]:
    """All events of the week, in order of time, at least 12 h apart."""
    plans = _plans(rng, topic_surge=topic_surge)
    rng.shuffle(plans)
    starts = _starts(rng, [plan.length for plan in plans])
    return [
        _echo(rng, room, plan, start) if plan.kind == "echo_storm" else _surge(rng, room, plan, start)
        for plan, start in zip(plans, starts, strict=True)
    ]


def _plans(rng: Random, *, topic_surge: bool) -> list[Plan]:
    bad, echoed, good = rng.sample(COMPANIES, 3)
    plans = [
        Plan(
            "negative_surge",
            bad,
            rng.choice(bad.storylines),
            "negative",
            _hours(rng, 2.0, 3.0),
            rng.randint(44, 60),
        ),
        Plan("echo_storm", echoed, "echo", "negative", _hours(rng, 1.0, 2.0), rng.randint(80, 150)),
        Plan("positive_surge", good, "breakthrough", "positive", _hours(rng, 2.0, 3.0), rng.randint(40, 56)),
    ]
    if topic_surge:
        story = f"market.{rng.choice(MARKET_STORYLINES)}"
        plans.append(Plan("topic_surge", None, story, "negative", _hours(rng, 2.0, 3.0), rng.randint(38, 46)))
    return plans


def _hours(rng: Random, low: float, high: float) -> int:
    return int(rng.uniform(low, high) * HOUR)


def _starts(rng: Random, lengths: list[int]) -> list[int]:
    """Random starts after the calm days with the gaps guaranteed: the slack is cut at random places."""
    slack = SPAN_SECONDS - BEFORE_END - CALM - sum(lengths) - APART * (len(lengths) - 1)
    cuts = sorted(rng.randint(0, slack) for _ in lengths)
    return [CALM + cut + sum(lengths[:i]) + APART * i for i, cut in enumerate(cuts)]


def _seconds(rng: Random, plan: Plan, start: int) -> list[int]:
    """News breaks early: event times are denser at the beginning, the first and last mark the window."""
    inner = [
        start + int(plan.length * min(rng.random(), rng.random() + 0.25)) for _ in range(plan.stories - 2)
    ]
    return [start, *sorted(min(second, start + plan.length) for second in inner), start + plan.length]


def _surge(rng: Random, room: Newsroom, plan: Plan, start: int) -> Plant:
    pen = _Pen(rng, plan)
    drafts = []
    for i, second in enumerate(_seconds(rng, plan, start)):
        channel: Channel = "news" if i % 9 < 5 else "social"
        language = _language(rng, plan)
        text = pen.story(language, channel)
        drafts.append(_draft(rng, room, plan, _Copy(second, channel, language, text)))
    return Plant(plan, _topic(plan), tuple(drafts))


def _echo(rng: Random, room: Newsroom, plan: Plan, start: int) -> Plant:
    """One story, repeated: verbatim but for a repost prefix, a hashtag, a link."""
    assert plan.company is not None  # an echo is about a company
    language = plan.company.home
    table = phrases.storyline(language, "echo")
    told = Filler(rng, plan.company, language, "news").fill(rng.choice(table["text"]))
    drafts: list[Draft] = []
    for i, second in enumerate(_seconds(rng, plan, start)):
        channel: Channel = "news" if i == 0 or rng.random() < 0.2 else "social"
        suffix = Filler(rng, plan.company, language, channel).fill(rng.choice(table["suffix"]))
        reposted = channel == "social" and rng.random() < 0.5
        prefix = f"RT @{rng.choice(drafts).voice.name.replace(' ', '')}: " if reposted else ""
        text = Text("", prefix + told + suffix)
        drafts.append(_draft(rng, room, plan, _Copy(second, channel, language, text)))
    return Plant(plan, _topic(plan), tuple(drafts))


class _Pen:
    """Writes the stories of one event: the same news in other words, no two alike."""

    def __init__(self, rng: Random, plan: Plan) -> None:
        self._rng = rng
        self._plan = plan
        self._decks = Decks(rng)
        self._memory = Memory(limit=None)

    def story(self, language: Language, channel: Channel) -> Text:
        """A text unlike everything this pen wrote before in that language."""
        return self._memory.freshest(language, lambda: self._draft(language, channel))

    def _draft(self, language: Language, channel: Channel) -> Text:
        table = phrases.storyline(language, self._plan.storyline)
        filler = Filler(self._rng, self._plan.company, language, channel)
        if channel == "social":
            _, tails = phrases.trimmings(language, self._plan.label)
            post = filler.fill(self._card(language, "social", table["social"]))
            return Text("", f"{post}{'.' * (language == 'en')}{filler.fill(self._rng.choice(tails))}")
        lead = filler.fill(self._card(language, "lead", table["lead"]))
        about = "market" if self._plan.company is None else "company"
        general = phrases.details(language, about, self._plan.label)
        body = filler.fill(self._card(language, "detail", table["detail"]))
        if self._rng.random() < GENERAL_SHARE:
            body += (" " if language == "en" else "") + filler.fill(self._card(language, "general", general))
        return Text(lead, body)

    def _card(self, language: Language, part: str, templates: Sequence[str]) -> str:
        return self._decks.deal((language, part), templates)


def _language(rng: Random, plan: Plan) -> Language:
    if plan.company is None:
        return "en" if rng.random() < MARKET_ENGLISH else "zh"
    abroad = rng.random() < ABROAD_SHARE
    return "zh" if abroad == (plan.company.home == "en") else "en"


def _topic(plan: Plan) -> str:
    if plan.company is None:
        return plan.storyline.removeprefix("market.")
    topic: str = phrases.storyline("en", plan.storyline)["topic"]
    return topic


@dataclass(frozen=True, slots=True)
class _Copy:
    second: int
    channel: Channel
    language: Language
    text: Text


def _draft(rng: Random, room: Newsroom, plan: Plan, copy: _Copy) -> Draft:
    return Draft(
        seconds=copy.second,
        channel=copy.channel,
        language=copy.language,
        title=copy.text.title,
        content=copy.text.content,
        voice=room.voice(copy.channel, copy.language),
        label=plan.label,
        topic=_topic(plan),
        company=plan.company,
        kind=plan.kind,
        hints=hints(rng, plan.company, copy.language),
    )
