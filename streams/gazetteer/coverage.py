"""How many documents of a file name an entity: `python -m streams.gazetteer.coverage FILE…`.

FILE is JSONL, gzipped or not, with `id`, `text` or `title`/`content`, `ts` (epoch seconds) or `datetime`, and
hints in `ticker`, `tickers` or `stocks`. Rows that repeat an id are one document with all their hints.
"""
# ruff: noqa: T201 - a command prints

from __future__ import annotations

import argparse
import gzip
import json
import random
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from streams.domain.entity import EntityMention, MatchMethod
from streams.domain.text import normalise
from streams.gazetteer.catalogue import Gazetteer
from streams.gazetteer.matcher import AhoCorasickMatcher


@dataclass(slots=True)
class Row:
    """One document of a recorded file."""

    title: str
    body: str
    at: datetime
    hints: dict[str, None] = field(default_factory=dict)


def read(path: Path) -> list[Row]:
    """Documents in order of first appearance."""
    rows: dict[str, Row] = {}
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            record = json.loads(line)
            row = rows.get(str(record["id"])) or rows.setdefault(str(record["id"]), _row(record))
            row.hints.update(dict.fromkeys(_hints(record)))
    return list(rows.values())


def _row(record: dict[str, Any]) -> Row:
    stamp = record.get("ts")
    at = (
        datetime.fromtimestamp(stamp, UTC)
        if stamp is not None
        else datetime.fromisoformat(record["datetime"])
    )
    return Row(
        normalise(record.get("title") or ""), normalise(record.get("text") or record.get("content") or ""), at
    )


def _hints(record: dict[str, Any]) -> list[str]:
    listed = [record.get("ticker"), *(record.get("tickers") or ())]
    listed.extend(stock.get("code") for stock in record.get("stocks") or ())
    return [hint for hint in listed if hint]


def report(path: Path, matcher: AhoCorasickMatcher, samples: int) -> None:
    """Print shares and speed of one file, and some mentions to read."""
    rows = read(path)
    started = time.perf_counter()
    found = [matcher.find(row.title, row.body, tuple(row.hints), row.at) for row in rows]
    elapsed = time.perf_counter() - started
    text = sum(any(m.method is not MatchMethod.HINT for m in mentions) for mentions in found)
    hint_only = sum(bool(mentions) for mentions in found) - text
    methods = Counter(mention.method.value for mentions in found for mention in mentions)
    print(f"{path.name}: {len(rows)} documents, {len(rows) / elapsed:,.0f}/s")
    print(f"  with an entity {_share(text + hint_only, rows)}")
    print(f"  named in the text {_share(text, rows)}, by hint only {_share(hint_only, rows)}")
    print(f"  mentions {sum(methods.values())} = {dict(methods.most_common())}")
    _print_samples(rows, found, samples)


def _print_samples(rows: list[Row], found: list[tuple[EntityMention, ...]], samples: int) -> None:
    pairs = [(row, m) for row, mentions in zip(rows, found, strict=True) for m in mentions if m.count]
    for row, mention in random.Random(0).sample(pairs, min(samples, len(pairs))):  # noqa: S311 - no secret
        whole = f"{row.title}\n{row.body}" if row.title else row.body
        around = whole[max(0, mention.first_offset - 40) : mention.first_offset + 50].replace("\n", " / ")
        print(f"  {mention.entity_id:14} {mention.surface:12} {mention.relevance:3} {around}")


def _share(count: int, rows: list[Row]) -> str:
    return f"{count} ({100 * count / max(1, len(rows)):.1f} %)"


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("files", type=Path, nargs="+")
    parser.add_argument("--samples", type=int, default=0)
    options = parser.parse_args()
    matcher = AhoCorasickMatcher(Gazetteer.load())
    for path in options.files:
        report(path, matcher, options.samples)


if __name__ == "__main__":
    main()
