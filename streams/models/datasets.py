"""Readers of the labelled files: each turns one source's format into `Example`s.

No text is shipped: the files are local. Licences are repeated as the sources state them, because they travel
into the model's metadata.
"""

from __future__ import annotations

import csv
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from streams.domain.label import SENTIMENT_LABELS, TOPIC_SLUGS, slug_of_label
from streams.errors import Misconfigured
from streams.models import synthetic
from streams.models.splitting import duplicate_key, falls_in
from streams.models.topics_zh import topic_of_flash

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

_CASHTAG: Final = re.compile(r"\$([A-Za-z]{1,6})\b")
WITHOUT_OWN: Final = "own"  # among the files left out: no sentences of our own
OWN: Final = "own sentences (streams/models/own_sentences)"


@dataclass(frozen=True, slots=True)
class Example:
    """One labelled text.

    `label` indexes the task's labels; `target_dropout` is the chance that an epoch hides the target; `key`,
    when set, decides the side of the split instead of the text.
    """

    text: str
    target: str
    label: int
    language: str
    origin: str
    target_dropout: float = 0.0
    key: str = ""


@dataclass(frozen=True, slots=True)
class Source:
    """A training file: where it lies under the data folder, its licence as stated, and how to read it."""

    path: str
    licence: str
    read: Callable[[Path, str], Iterable[Example]]

    @property
    def language(self) -> str:
        """Of all its texts: the folders are named after it."""
        return self.path.split("/")[0].rsplit("_", 1)[-1]


def _rows(path: Path) -> Iterator[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as lines:
        yield from csv.DictReader(lines)


def _posts(path: Path, origin: str) -> Iterator[Example]:
    """Posts without a target; one cashtag sometimes serves as it, because the stream asks for companies."""
    for row in _rows(path):
        tags = {tag.upper() for tag in _CASHTAG.findall(row["text"])}
        target = tags.pop() if len(tags) == 1 else ""
        label = SENTIMENT_LABELS.index(row["label"])
        yield Example(row["text"], target, label, "en", origin, target_dropout=2 / 3)


def _entity_headlines(path: Path, origin: str) -> Iterator[Example]:
    for row in _rows(path):
        dropout = 0.5 if row["n_entities"] == "1" else 0.0
        label = SENTIMENT_LABELS.index(row["label"])
        yield Example(row["text"], row["entity"], label, "en", origin, target_dropout=dropout)


def _entity_spans(path: Path, origin: str) -> Iterator[Example]:
    for paragraph in json.loads(path.read_text("utf-8")):
        spans = paragraph["annotations"]
        for span in spans:
            label = SENTIMENT_LABELS.index(span["label"].lower())
            dropout = 0.5 if len(spans) == 1 else 0.0
            yield Example(paragraph["content"], span["value"], label, "en", origin, target_dropout=dropout)


def read_forum(path: Path, origin: str) -> Iterator[Example]:
    for row in _rows(path):
        yield Example(row["text"], "", SENTIMENT_LABELS.index(row["label"]), "zh", origin)


def _company_news(path: Path, origin: str) -> Iterator[Example]:
    for row in _rows(path):
        label = SENTIMENT_LABELS.index(row["label"])
        yield Example(row["text"], row["company"], label, "zh", origin, target_dropout=0.5)


def _topic_posts(path: Path, origin: str) -> Iterator[Example]:
    for row in _rows(path):
        yield Example(row["text"], "", TOPIC_SLUGS.index(slug_of_label(row["label"])), "en", origin)


def read_topic_flashes(path: Path, origin: str) -> Iterator[Example]:
    for text, labels in json.loads(path.read_text("utf-8")):
        slug = topic_of_flash(text, labels)
        if slug is not None:
            yield Example(text, "", TOPIC_SLUGS.index(slug), "zh", origin)


NOT_STATED: Final = "not stated"
SOURCES: Final[dict[str, tuple[Source, ...]]] = {
    "sentiment": (
        Source("sentiment_en/tfns_train.csv", "MIT (dataset card)", _posts),
        Source("sentiment_en/sentfin_train.csv", "MIT", _entity_headlines),
        Source("sentiment_en/finentity.json", "ODC-BY", _entity_spans),
        Source("sentiment_zh/finfe_train.csv", NOT_STATED, read_forum),
        Source("sentiment_zh/news_binary_train.csv", NOT_STATED, _company_news),
    ),
    "topic": (
        Source("topic_en/tfnt_train.csv", "MIT (dataset card)", _topic_posts),
        Source("topic_zh/finnl_train.json", NOT_STATED, read_topic_flashes),
    ),
}


def load(task: str, data: Path, exclude: Iterable[str] = ()) -> list[Example]:
    """Every example of the task, our own sentences last; `exclude` lists paths under `data` or bare names, or "own"."""
    examples: list[Example] = []
    for source in used_sources(task, exclude):
        path = data / source.path
        if not path.is_file():
            raise Misconfigured(
                f"training file {path} is missing (leave it out with --exclude {source.path})"
            )
        examples.extend(source.read(path, source.path))
    return examples if WITHOUT_OWN in exclude else examples + list(own_sentences(task))


def thinned(examples: Iterable[Example], task: str, keep: Mapping[str, float]) -> list[Example]:
    """Without a part of one class of a file: `keep` maps "file:label" to the share of its texts that stays."""
    labels = SENTIMENT_LABELS if task == "sentiment" else TOPIC_SLUGS
    return [
        e
        for e in examples
        if falls_in(f"kept:{duplicate_key(e.text)}", keep.get(f"{e.origin}:{labels[e.label]}", 1.0))
    ]


def used_sources(task: str, exclude: Iterable[str] = (), language: str = "") -> list[Source]:
    """The task's files that are not excluded, of one language or of all."""
    left_out = set(exclude)
    return [
        s
        for s in SOURCES[task]
        if not left_out & {s.path, s.path.rsplit("/", 1)[-1]} and language in {"", s.language}
    ]


def own_sentences(task: str) -> Iterator[Example]:
    """Sentences of our own making, for what no file covers; a template's fillings share one key."""
    labels = SENTIMENT_LABELS if task == "sentiment" else TOPIC_SLUGS
    for sentence in synthetic.sentences(task):
        target = sentence.target if task == "sentiment" else ""
        label = labels.index(sentence.label)
        yield Example(
            sentence.text, target, label, sentence.language, OWN, target_dropout=0.5, key=sentence.template
        )
