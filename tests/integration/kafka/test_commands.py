import json
import uuid
from dataclasses import replace

import pytest
from typer.testing import CliRunner

from streams.cli import ingest, topics
from streams.errors import Misconfigured
from streams.settings import load_settings
from streams.wire import topics as table

pytestmark = pytest.mark.integration


@pytest.fixture
def topic(kafka_bootstrap, monkeypatch):
    """A table of one topic of our own, so that other suites on this broker are left alone."""
    made = replace(table.NEWS, name=f"news-{uuid.uuid4().hex[:8]}")
    monkeypatch.setattr(table, "TOPICS", (made,))
    monkeypatch.setattr(table, "INPUT_TOPICS", (made,))
    monkeypatch.setenv("SENTIWATCH_KAFKA__BOOTSTRAP", kafka_bootstrap)
    load_settings.cache_clear()
    yield made.name
    load_settings.cache_clear()


def run(app, *arguments):
    return CliRunner().invoke(app, arguments)


def test_topics_are_missing_then_created_then_there(topic):
    before = run(topics.app, "describe")
    assert before.exit_code == 1
    assert "missing" in before.output
    assert json.loads(run(topics.app, "create", "--json").stdout) == {"created": [topic], "existed": []}
    assert json.loads(run(topics.app, "create", "--json").stdout) == {"created": [], "existed": [topic]}
    after = run(topics.app, "describe", "--json")
    assert after.exit_code == 0
    (row,) = json.loads(after.stdout)
    assert (row["name"], row["ok"], row["config_differences"]) == (topic, True, {})


def test_ingest_reports_what_was_published_and_what_was_bad(topic, tmp_path):
    run(topics.app, "create")
    path = tmp_path / "a.jsonl"
    rows = [f'{{"id":"{number}","title":"t","event_time":{1780315200 + number}}}\n' for number in range(20)]
    path.write_text("".join([*rows, "junk\n"] + ['{"id":"x"}\n'] * 15))
    result = run(ingest.app, "file", str(path), "--topic", topic, "--json")
    report = json.loads(result.stdout)
    assert result.exit_code == 0
    assert (report["published"], report["bad"], report["files"]) == (20, 16, 1)
    assert f"{path}:21: not_json" in result.stderr
    assert "and 6 more bad rows" in result.stderr
    limited = run(ingest.app, "file", str(path), "--topic", topic, "--limit", "5")
    assert "published 5 records" in limited.stdout


def test_ingest_into_a_topic_that_was_not_created_is_one_clear_line(topic, tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"id":"1","title":"t","event_time":1780315200}\n')
    result = run(ingest.app, "file", str(path), "--topic", topic)
    assert isinstance(result.exception, Misconfigured)
    assert "topics create" in str(result.exception)
