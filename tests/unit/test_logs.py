from __future__ import annotations

import json
import logging

import pytest

from streams.logs import ConsoleLines, JsonLines, secrets_of, tell_stored
from streams.settings import Settings
from tests.builders import batch, dead_letter, document, scored

MARK = 'marked "secret" 5b1f'


def record(message: str, *arguments: object, **extra: object) -> logging.LogRecord:
    made = logging.LogRecord("streams.x", logging.INFO, "", 0, message, arguments, None)
    vars(made).update(extra)
    return made


@pytest.mark.parametrize("lines", [ConsoleLines([MARK]), JsonLines([MARK])])
def test_a_secret_is_masked_whoever_logs_it(lines):
    made = record("to %s with %s", "postgresql://me:pw@host/db", MARK)
    made.exc_info = (ValueError, ValueError(f"refused {MARK}"), None)
    text = lines.format(made)
    assert "5b1f" not in text
    assert "pw@" not in text
    assert "refused" in text


def test_a_json_line_is_one_object_with_what_the_event_carries():
    text = JsonLines().format(record("line\nbreak %d", 3, topic="news.raw.v1", document_ids=["a"]))
    found = json.loads(text)
    assert "\n" not in text
    assert (found["event"], found["level"], found["logger"]) == ("line\nbreak 3", "INFO", "streams.x")
    assert (found["topic"], found["document_ids"]) == ("news.raw.v1", ["a"])
    assert found["time"].endswith("+00:00")


def test_every_secret_of_the_settings_is_known():
    settings = Settings(
        kafka={"sasl_password": "secret-1"}, postgres={"url": "postgresql://a:secret%2F2@h/d"},
        privacy={"author_key": "secret-3"}, web={"token": "secret-4-0123456789"},
    )  # fmt: skip
    assert {"secret-1", "secret%2F2", "secret/2", "secret-3", "secret-4-0123456789"} <= set(
        secrets_of(settings)
    )


def test_what_is_stored_is_told_by_id_and_what_is_buried_by_place(caplog):
    with caplog.at_level(logging.DEBUG, "streams.logs"):
        tell_stored("news.raw.v1", batch(0, scored(), dead_letters=(dead_letter(7),)), 2)
    stored, buried = (json.loads(JsonLines().format(one)) for one in caplog.records)
    assert stored["document_ids"] == [str(document().document_id)]
    assert buried["letters"] == [{"partition": 0, "offset": 7, "reason": "not_json"}]
    assert "Acme" not in json.dumps([stored, buried])
