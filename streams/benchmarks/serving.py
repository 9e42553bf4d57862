"""Texts a second through Triton, for each engine and setting that this CPU allows, interleaved in one run.

A server of the benchmark's own serves one copy of the sentiment model per variant, so that nothing else is asked.
The variants take turns on the same texts, round by round: a machine whose speed drifts favours none of them.
"""

from __future__ import annotations

import json
import shutil
import statistics
import subprocess
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from streams.benchmarks.texts import posts
from streams.errors import Misconfigured
from streams.local.launcher import LocalParts
from streams.models.export import triton_config
from streams.models.through_triton import TritonModel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from streams.local.layout import Layout

    Tell = Callable[[str], None]

TASK = "sentiment"
FIRST = "first version: ONNX Runtime dynamic int8, one text a call"
SERVED = "as served"
BERT = "transformers pipeline, BERT-base (random weights), one text at a time"
BERT_TEXTS = 16
SHUFFLED_SEED = 7


@dataclass(frozen=True, slots=True)
class Variant:
    """One way to serve: the newest version with these replacements in its model.py, or another engine."""

    name: str
    edits: tuple[tuple[str, str], ...] = ()
    engine: str = ""
    instances: int = 1
    batching: bool = True
    first: bool = False


VARIANTS = (
    Variant(FIRST, first=True, batching=False),
    Variant(SERVED),
    Variant("one text a call", (("MAX_BATCH = 16", "MAX_BATCH = 1"),)),
    Variant("no dynamic batching", batching=False),
    Variant("wide buckets (16 tokens)", (("WIDTH_STEP = 4", "WIDTH_STEP = 16"),)),
    Variant("batches of 32", (("MAX_BATCH = 16", "MAX_BATCH = 32"),)),
    Variant("two instances, a thread each", (("len(os.sched_getaffinity(0))", "1"),), instances=2),
    Variant("OpenVINO bf16", (('_HINT": "f32"', '_HINT": "bf16"'), ('_GROUP_SIZE": 64', '_GROUP_SIZE": 0'))),
    Variant("ONNX Runtime, same int8 weights, one text a call", engine="onnxruntime"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Plan:
    """How much to measure."""

    rounds: int = 3
    texts: int = 400


@dataclass(slots=True)
class Turns:
    """What one variant did in each round."""

    rates: list[float] = field(default_factory=list)
    invariant: bool = True

    @property
    def rate(self) -> float:
        return statistics.median(self.rates)


def measure(layout: Layout, repository: Path, plan: Plan, tell: Tell) -> dict[str, Any]:
    """All figures of `bench triton`; ratios are medians over the rounds of this run."""
    texts = [post.text for post in islice(posts(f"{time.time_ns():x}"), plan.texts)]
    with tempfile.TemporaryDirectory() as scratch:
        models, skipped = _repository(repository / TASK, Path(scratch) / "models")
        with _server(Path(scratch) / "state", models) as url, _bert(layout, repository) as bert:
            turns = _rounds(url, models, texts, plan, bert, tell)
    if bert.reason:
        skipped[BERT] = bert.reason
    return _report(turns, skipped, len(texts))


def _repository(model: Path, target: Path) -> tuple[Path, dict[str, str]]:
    """A repository with a model per variant; those that cannot be made, with the reason."""
    numbers = sorted(int(place.name) for place in model.iterdir() if place.name.isdecimal())
    skipped = {}
    for place, variant in enumerate(VARIANTS):
        version = model / str(numbers[0] if variant.first else numbers[-1])
        metadata = json.loads((version / "metadata.json").read_text("utf-8"))
        if metadata.get("engine", "onnxruntime") != "openvino" and (variant.edits or variant.engine):
            skipped[variant.name] = f"version {version.name} is served by ONNX Runtime"
            continue
        folder = target / f"v{place}" / "1"
        shutil.copytree(version, folder)
        code = (folder / "model.py").read_text("utf-8")
        for old, new in variant.edits:
            code = code.replace(old, new)
        (folder / "model.py").write_text(code, "utf-8")
        if variant.engine:
            (folder / "metadata.json").write_text(json.dumps({**metadata, "engine": variant.engine}), "utf-8")
        config = triton_config(TASK, metadata).replace(f'name: "{TASK}"', f'name: "v{place}"', 1)
        config = config.replace("count: 1", f"count: {variant.instances}")
        folder.parent.joinpath("config.pbtxt").write_text(
            config if variant.batching else config.replace("dynamic_batching { }", ""), "utf-8"
        )
    return target, skipped


@contextmanager
def _server(root: Path, models: Path) -> Iterator[str]:
    parts = LocalParts(root, models=models)
    try:
        url = parts.up({"triton"}).triton
        if url is None:
            raise Misconfigured("the benchmark needs a local Triton: unset SENTIWATCH_TRITON__URL")
        yield url
    finally:
        parts.down(purge=True)


class _Bert:
    """A child process with a `transformers` pipeline, or the reason why there is none."""

    def __init__(self, process: subprocess.Popen[str] | None, reason: str = "") -> None:
        self._process, self.reason = process, reason

    def rate(self, texts: Sequence[str]) -> float:
        assert self._process is not None
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(list(texts)) + "\n")
        self._process.stdin.flush()
        return len(texts) / float(json.loads(self._process.stdout.readline())["seconds"])


@contextmanager
def _bert(layout: Layout, repository: Path) -> Iterator[_Bert]:
    python = layout.project / ".local" / "envs" / "train" / "bin" / "python"
    if not python.exists():
        yield _Bert(None, "no training environment here (`sentiwatch model train --help` makes it)")
        return
    script = Path(__file__).with_name("bert_pipeline.py")
    tokenizer = repository / TASK / "1" / "tokenizer.json"
    process = subprocess.Popen(  # noqa: S603 - a program of ours
        [str(python), str(script), str(tokenizer)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        process.stdout.readline()
        yield _Bert(process)
    finally:
        process.kill()
        process.communicate()


def _rounds(
    url: str, models: Path, texts: Sequence[str], plan: Plan, bert: _Bert, tell: Tell
) -> dict[str, Turns]:  # fmt: skip
    names = {VARIANTS[int(place.name[1:])].name: place.name for place in sorted(models.iterdir())}
    served = {name: TritonModel(url, model) for name, model in names.items()}
    turns = {name: Turns() for name in served}
    pairs = sorted(((text, "") for text in texts), key=lambda pair: len(pair[0]))
    order = np.random.default_rng(SHUFFLED_SEED).permutation(len(pairs))
    for name, model in served.items():  # warm-up, and whether neighbours matter
        ordered, shuffled = model.score(pairs), model.score([pairs[place] for place in order])
        turns[name].invariant = bool(np.array_equal(ordered[order], shuffled))
    for number in range(plan.rounds):
        tell(f"round {number + 1} of {plan.rounds}")
        for name, model in served.items():
            tell(name)
            began = time.perf_counter()
            model.score(pairs)
            turns[name].rates.append(len(pairs) / (time.perf_counter() - began))
        if not bert.reason:
            tell(BERT)
            spread = [text for text, _ in pairs[:: max(1, len(pairs) // BERT_TEXTS)]]
            turns.setdefault(BERT, Turns()).rates.append(bert.rate(spread))
    for model in served.values():
        model.close()
    return turns


def _report(turns: dict[str, Turns], skipped: dict[str, str], texts: int) -> dict[str, Any]:
    first, served = turns[FIRST].rate, turns[SERVED].rate
    report: dict[str, Any] = {
        "texts": texts,
        "served_over_first": round(served / first, 2),
        "served_over_bert_base": round(served / turns[BERT].rate, 1) if BERT in turns else None,
        "variants": {
            name: {
                "texts_per_second": round(turn.rate, 1),
                "over_first": round(turn.rate / first, 2),
                "batch_invariant": turn.invariant,
            }
            for name, turn in turns.items()
        },
        "skipped": skipped,
    }
    return report
