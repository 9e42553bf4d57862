from __future__ import annotations

import re
import shutil
import subprocess
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from streams import telemetry
from streams.adapters.memory.classifier import MemoryClassifier
from streams.adapters.prometheus import MeasuredClassifier, Telemetry
from streams.domain.score import TOPIC, Question
from streams.errors import Unavailable
from streams.runtime.status import DependencyStatus, PartitionStatus, WorkerStatus
from streams.telemetry import Metric
from tests.builders import NEWS, batch, dead_letter, document, enriched, raw_record, scored

OPENMETRICS = "application/openmetrics-text; version=1.0.0"
RULES = Path(__file__).parents[3] / "deploy" / "prometheus"
DEFINED = {one.full_name for one in vars(telemetry).values() if isinstance(one, Metric)}
promtool = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool is not installed here (Debian: prometheus)"
)


def busy_worker() -> WorkerStatus:
    now = time.monotonic()
    return WorkerStatus(
        panes_closed=3,
        closed_until=datetime(2026, 3, 2, tzinfo=UTC),
        closer_stepped=now - 2,
        models_answered=now - 5,
        partitions={NEWS: PartitionStatus(9, 5, 9, 1.5, datetime.now(UTC) - timedelta(seconds=40))},
        dependencies={"kafka": DependencyStatus("open", 3, 1, 2.0, "gone")},
        halted={"social.raw.v1": "too much"},
    )


def measured() -> Telemetry:
    found = Telemetry()
    found.watch(busy_worker, lambda: True)
    recent = raw_record(timestamp=datetime.now(UTC) - timedelta(seconds=4))
    old = scored(document(source_id="old"))
    found.stored("news.raw.v1", batch(0, scored(record=recent), old, dead_letters=(dead_letter(),)), 3)
    found.observe(telemetry.INFERENCE, 0.2, "topic")
    found.add(telemetry.ANSWERS, 4, "topic", "memory")
    return found


def page(accept: str = "text/plain") -> str:
    return measured().page(accept)[0].decode()


def value(text: str, sample: str) -> float:
    (line,) = [line for line in text.splitlines() if line.startswith(f"{sample} ")]
    return float(line.split(" ")[1])


def test_what_is_stored_is_counted_by_topic_and_reason():
    text = page()
    assert value(text, 'sentiwatch_records_total{topic="news.raw.v1"}') == 3
    assert value(text, 'sentiwatch_documents_total{topic="news.raw.v1"}') == 2
    assert value(text, 'sentiwatch_dead_letters_total{reason="not_json",topic="news.raw.v1"}') == 1


def test_the_state_of_the_worker_is_read_when_the_page_is_asked_for():
    text = page()
    assert value(text, 'sentiwatch_partition_lag_records{partition="0",topic="news.raw.v1"}') == 4
    assert (
        39
        < value(text, 'sentiwatch_partition_watermark_delay_seconds{partition="0",topic="news.raw.v1"}')
        < 60
    )
    assert value(text, 'sentiwatch_dependency_state{dependency="kafka",state="open"}') == 1
    assert value(text, 'sentiwatch_dependency_state{dependency="kafka",state="closed"}') == 0
    assert value(text, 'sentiwatch_intake_halted{topic="social.raw.v1"}') == 1
    assert value(text, 'sentiwatch_intake_halted{topic="news.raw.v1"}') == 0
    assert value(text, "sentiwatch_panes_closed_total") == 3


def test_latency_leaves_history_out_and_names_its_slowest_document_as_exemplar():
    text = page(OPENMETRICS)
    assert value(text, 'sentiwatch_end_to_end_seconds_count{topic="news.raw.v1"}') == 1
    (exemplar,) = re.findall(r'# \{document_id="([0-9a-f-]+)"\} ', text)
    assert exemplar == str(document().document_id)
    assert "# {" not in page()


def test_no_metric_carries_a_text_or_a_handle():
    found = Telemetry()
    found.stored("t", batch(0, scored(document(title="zorgblatt", author="quixote"))), 1)
    text = found.page(OPENMETRICS)[0].decode()
    assert "zorgblatt" not in text
    assert "quixote" not in text


def test_every_metric_of_the_page_is_defined_in_one_place():
    names = {
        re.sub(r"(_bucket|_count|_sum|_created)$", "", name)
        for name in re.findall(r"^(sentiwatch_\w+)", page(), re.MULTILINE)
    }
    assert names <= DEFINED
    assert DEFINED - names <= {"sentiwatch_inference_texts_total", "sentiwatch_inference_failures_total"}


def test_every_metric_that_a_rule_reads_exists():
    rules = (RULES / "rules.yaml").read_text()
    read = {re.sub(r"_bucket$", "", name) for name in re.findall(r"\b(sentiwatch_\w+)", rules)}
    assert read <= DEFINED


async def test_calls_to_the_models_are_timed_and_their_failures_counted():
    found = Telemetry()
    classifier = MemoryClassifier()
    await MeasuredClassifier(classifier, found).classify(TOPIC, [Question("a"), Question("b")])

    class Away(MemoryClassifier):
        async def classify(self, model, questions):
            raise Unavailable("gone")

    with pytest.raises(Unavailable):
        await MeasuredClassifier(Away(), found).classify(TOPIC, [Question("a")])
    text = found.page("")[0].decode()
    assert value(text, 'sentiwatch_inference_texts_total{model="topic"}') == 2
    assert value(text, 'sentiwatch_inference_seconds_count{model="topic"}') == 1
    assert value(text, 'sentiwatch_inference_failures_total{model="topic"}') == 1


async def test_answers_are_counted_by_where_they_came_from():
    from streams.adapters.memory.scores import MemoryScoreStore
    from streams.stages.classify import ScoringStage
    from tests.builders import infos

    heard = []
    stage = ScoringStage(MemoryClassifier(), MemoryScoreStore(), infos(), 100)
    stage.note = lambda model, origin, count: heard.append((model, origin, count))
    for _ in range(2):
        await stage.classify([enriched()])
    assert ("topic", "model", 1) in heard
    assert ("topic", "memory", 1) in heard
    assert sum(count for model, _, count in heard if model == "topic") == 2


@promtool
def test_promtool_finds_nothing_wrong_with_the_page():
    found = subprocess.run(
        ["promtool", "check", "metrics"], input=page(), capture_output=True, text=True, check=False
    )
    assert (found.returncode, found.stdout, found.stderr) == (0, "", "")


@promtool
@pytest.mark.parametrize("command", [("check", "rules", "rules.yaml"), ("test", "rules", "rules_test.yaml")])
def test_promtool_accepts_the_shipped_rules_and_their_cases(command):
    found = subprocess.run(["promtool", *command], cwd=RULES, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout + found.stderr
