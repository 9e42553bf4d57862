"""The label sets: sentiment classes and the 20 canonical topics.

Topic titles are those of the English news-topic set the first model was trained on; each carries the closest
IPTC Media Topic code (https://iptc.org/standards/media-topics/) so that other systems can join on it. Several
of ours are finer than the IPTC tree (analyst calls, stock moves), hence one code may stand for more than one
topic.
"""

import re
from dataclasses import dataclass
from typing import Final

SENTIMENT_LABELS: Final = ("negative", "neutral", "positive")


@dataclass(frozen=True, slots=True)
class Topic:
    """One canonical topic: `slug` is its identity everywhere, `title` is for people."""

    slug: str
    title: str
    iptc: str


def slug_of_label(label: str) -> str:
    """The canonical slug of a topic given as slug or title, e.g. "M&A & Investments" -> "ma_investments"."""
    words = re.findall(r"[a-z0-9]+", label.lower().replace("m&a", "ma"))
    return "_".join(words)


def _topic(title: str, iptc: str) -> Topic:
    return Topic(slug=slug_of_label(title), title=title, iptc=f"medtop:{iptc}")


TOPICS: Final[tuple[Topic, ...]] = tuple(
    sorted(
        (
            _topic("Analyst Update", "20000186"),
            _topic("Company & Product News", "20000170"),
            _topic("Currencies", "20000381"),
            _topic("Dividend", "20000179"),
            _topic("Earnings", "20000178"),
            _topic("Energy & Oil", "20000256"),
            _topic("Fed & Central Banks", "20000350"),
            _topic("Financials", "20000271"),
            _topic("General News & Opinion", "04000000"),
            _topic("Gold, Metals & Materials", "20000317"),
            _topic("IPO", "20000189"),
            _topic("Legal & Regulation", "20000195"),
            _topic("M&A & Investments", "20000199"),
            _topic("Macro", "20000344"),
            _topic("Markets", "20000385"),
            _topic("Personnel Change", "20000190"),
            _topic("Politics", "11000000"),
            _topic("Stock Commentary", "20000390"),
            _topic("Stock Movement", "20000390"),
            _topic("Treasuries & Corporate Debt", "20000386"),
        ),
        key=lambda topic: topic.slug,
    )
)
TOPIC_SLUGS: Final = tuple(topic.slug for topic in TOPICS)
