"""`python -m streams.scenario --seed 7 --summary`: what a seed holds; `--jsonl FILE` writes its records."""

from __future__ import annotations

import argparse
import base64
import json
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from streams.scenario.generator import generate

if TYPE_CHECKING:
    from streams.scenario.shapes import Planted, Record, Scenario


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m streams.scenario", description=__doc__)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--summary", action="store_true", help="print counts as JSON")
    parser.add_argument("--jsonl", type=Path, help="write one record a line (value as base64)")
    arguments = parser.parse_args()
    scenario = generate(arguments.seed)
    if arguments.jsonl:
        lines = (json.dumps(_line(record)) + "\n" for record in scenario.records)
        arguments.jsonl.write_text("".join(lines), "utf-8")
    if arguments.summary or not arguments.jsonl:
        sys.stdout.write(json.dumps(_summary(scenario), ensure_ascii=False, indent=2) + "\n")
    return 0


def _line(record: Record) -> dict[str, object]:
    return {
        "topic": record.topic,
        "key": record.key.decode(),
        "timestamp_ms": record.timestamp_ms,
        "value": base64.b64encode(record.value).decode(),
    }


def _summary(scenario: Scenario) -> dict[str, object]:
    truths = scenario.truth.values()
    return {
        "records": len(scenario.records),
        "documents": len(truths),
        "bytes": sum(len(record.value) for record in scenario.records),
        "kafka_topics": Counter(record.topic for record in scenario.records),
        "labels": Counter(truth.label for truth in truths if truth.kind == "ordinary"),
        "languages": Counter(truth.language for truth in truths),
        "entities": Counter(truth.entity or "MARKET" for truth in truths),
        "topics": Counter(truth.topic for truth in truths),
        "planted": [_line_of(planted) for planted in scenario.planted],
        "malformed": dict(scenario.malformed),
    }


def _line_of(planted: Planted) -> str:
    when = f"{planted.start:%a %H:%M} - {planted.end:%a %H:%M} UTC"
    return f"{planted.kind} {planted.entity or 'MARKET'} {planted.topic} {when}, {len(planted.documents)}"


if __name__ == "__main__":
    raise SystemExit(main())
