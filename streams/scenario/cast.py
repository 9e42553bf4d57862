"""Who appears: listed companies (their public names), invented publishers, invented handles."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from random import Random

    from streams.scenario.shapes import Channel, Language

TimeStyle = Literal["utc", "shanghai", "seconds", "milliseconds"]


@dataclass(frozen=True, slots=True)
class Company:
    """A company under its exchange symbol, with its names and lines of business in both languages."""

    symbol: str
    home: Language
    names: Mapping[Language, str]
    lines: Mapping[Language, Sequence[str]]
    storylines: tuple[str, ...]

    @property
    def hint(self) -> str:
        """The symbol as feeds write it: AAPL, 600519.SH."""
        return self.symbol if self.home == "en" else f"{self.symbol}.{self.exchange}"

    @property
    def exchange(self) -> str:
        """Codes that start with 6 trade in Shanghai, other A-share codes in Shenzhen; US for the rest."""
        if self.home == "en":
            return "US"
        return "SH" if self.symbol.startswith("6") else "SZ"


@dataclass(frozen=True, slots=True)
class Voice:
    """A publisher (news) or an author (social), and how its feed writes times."""

    name: str
    source: str
    channel: Channel
    language: Language
    times: TimeStyle


def _company(symbol: str, entry: dict[str, Any]) -> Company:
    return Company(
        symbol=symbol,
        home="zh" if symbol.isdigit() else "en",
        names=entry["names"],
        lines=entry["lines"],
        storylines=tuple(entry["storylines"]),
    )


COMPANIES: tuple[Company, ...] = tuple(
    _company(symbol, entry)
    for symbol, entry in tomllib.loads(
        files("streams.scenario").joinpath("companies.toml").read_text("utf-8")
    ).items()
)

_PUBLISHERS: tuple[tuple[str, str, Language, TimeStyle], ...] = (
    ("Harbor Wire", "harbor-wire", "en", "utc"),
    ("Meridian Business Daily", "meridian", "en", "utc"),
    ("Northgate Markets", "northgate", "en", "milliseconds"),
    ("The Ledger Post", "ledger-post", "en", "utc"),
    ("Quayside Financial", "quayside", "en", "seconds"),
    ("Summit Lane News", "summit-lane", "en", "utc"),
    ("Bluepoint Newswire", "bluepoint", "en", "milliseconds"),
    ("Capital Mile", "capital-mile", "en", "utc"),
    ("汀洲财讯", "tingzhou", "zh", "shanghai"),
    ("云帆快讯", "yunfan", "zh", "shanghai"),
    ("晨锚财经", "chenmao", "zh", "milliseconds"),
    ("南屿证券报", "nanyu", "zh", "shanghai"),
    ("沧浪经济观察", "canglang", "zh", "utc"),
    ("北汀日报", "beiting", "zh", "seconds"),
)
_ADJECTIVES = (
    "quiet amber brisk copper dusty early frosty gentle hazel ivory jolly lunar mellow noble rusty silver"
)
_NOUNS = "heron lantern otter pebble quill ridge sparrow thistle walnut anchor badger cedar ferry gable maple"
_PINYIN = "xiaohe dongfeng laowang nanshan beidou qingshan yunzhong haibian chunyu zhuzi songshu baiyun"
ENGLISH_AUTHORS, CHINESE_AUTHORS = 140, 90

PUBLISHERS: tuple[Voice, ...] = tuple(
    Voice(name, source, "news", language, times) for name, source, language, times in _PUBLISHERS
)


def authors(rng: Random) -> tuple[Voice, ...]:
    """Invented handles: about 140 that write English, 90 that write Chinese; another draw a seed."""
    english = [f"{a}_{n}{rng.randint(10, 99)}" for a in _ADJECTIVES.split() for n in _NOUNS.split()]
    chinese = [f"{p}{rng.randint(1000, 9999)}" for p in _PINYIN.split() * 8]
    return (
        *_posting(rng.sample(english, ENGLISH_AUTHORS), "plaza", "en", "milliseconds"),
        *_posting(rng.sample(sorted(set(chinese)), CHINESE_AUTHORS), "guba-demo", "zh", "shanghai"),
    )


def _posting(handles: Sequence[str], source: str, language: Language, times: TimeStyle) -> list[Voice]:
    return [Voice(handle, source, "social", language, times) for handle in handles]
