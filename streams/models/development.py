"""The development splits as CSV files, one for each kind of text, so that `model evaluate --file` can judge a model.

The files hold texts of local data sets: they belong outside the repository, and `write` refuses a folder inside it.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from streams.errors import Misconfigured
from streams.models import datasets
from streams.models.recipes import LABELS
from streams.models.splitting import split

if TYPE_CHECKING:
    from collections.abc import Iterable

    from streams.models.datasets import Example

COLUMNS: Final = ("text", "target", "label", "language", "origin")
# Files that no training ever reads: they judge what the split cannot, a set's own development part.
UNTOUCHED: Final = {
    "sentiment": datasets.Source("sentiment_zh/finfe_dev.csv", datasets.NOT_STATED, datasets.read_forum),
    "topic": datasets.Source("topic_zh/finnl_dev.json", datasets.NOT_STATED, datasets.read_topic_flashes),
}
_OF_FILE: Final[dict[str, dict[str, tuple[str, ...]]]] = {
    "sentiment": {
        "posts_en": ("sentiment_en/tfns_train.csv",),
        "headlines_by_entity_en": ("sentiment_en/sentfin_train.csv",),
        "paragraphs_by_entity_en": ("sentiment_en/finentity.json",),
        "forum_zh": ("sentiment_zh/finfe_train.csv",),
        "news_binary_zh": ("sentiment_zh/news_binary_train.csv",),
    },
    "topic": {"topics_en": ("topic_en/tfnt_train.csv",), "topics_zh": ("topic_zh/finnl_train.json",)},
}


def write(data: Path, out: Path, dev_share: float = 0.07) -> dict[str, int]:
    """Write the files and return how many rows each has.

    Raises:
        Misconfigured: `out` lies in the project, or a data file is missing.
    """
    if Path(__file__).parents[2].resolve() in (out.resolve(), *out.resolve().parents):
        raise Misconfigured(f"{out} is inside the project: these texts must not enter it")
    out.mkdir(parents=True, exist_ok=True)
    written = {}
    for task in LABELS:
        for name, examples in rows(task, data, dev_share).items():
            _write(out / f"{name}.csv", task, examples)
            written[name] = len(examples)
    return written


def rows(task: str, data: Path, dev_share: float = 0.07) -> dict[str, list[Example]]:
    """The examples of each file, by its name."""
    dev = split(datasets.load(task, data), dev_share)[1]
    found = {name: [e for e in dev if e.origin in origins] for name, origins in _OF_FILE[task].items()}
    source = UNTOUCHED[task]
    found[f"{Path(source.path).stem}_untouched"] = list(source.read(data / source.path, source.path))
    own = [e for e in dev if e.origin == datasets.OWN]
    if task == "sentiment":
        found["headlines_disagreeing_en"] = disagreeing(found["headlines_by_entity_en"])
        found["posts_en"] = [_whole(e) for e in found["posts_en"]]
        found["news_own_en"] = [_whole(e) for e in _of_language(own, "en")]
        found["news_zh"] = [_whole(e) for e in (*_of_language(own, "zh"), *found["news_binary_zh"])]
    return found


def disagreeing(examples: Iterable[Example]) -> list[Example]:
    """Those whose text carries different labels for different entities."""
    labels: dict[str, set[int]] = defaultdict(set)
    known = list(examples)
    for example in known:
        labels[example.text].add(example.label)
    return [e for e in known if len(labels[e.text]) > 1]


def _of_language(examples: Iterable[Example], language: str) -> list[Example]:
    return [e for e in examples if e.language == language]


def _whole(example: Example) -> Example:
    return replace(example, target="")


def _write(path: Path, task: str, examples: Iterable[Example]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        rows_ = csv.writer(file)
        rows_.writerow(COLUMNS)
        for e in examples:
            rows_.writerow((e.text, e.target, LABELS[task][e.label], e.language, e.origin))
