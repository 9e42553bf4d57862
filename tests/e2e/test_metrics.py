"""A worker at work tells how it is: to Prometheus, to its supervisor, and in its log."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from streams.wire.outgoing import Outgoing
from tests.builders import payload
from tests.service import fetch, wait_until

if TYPE_CHECKING:
    from tests.service import Deployment

pytestmark = [pytest.mark.e2e, pytest.mark.integration, pytest.mark.slow]

RUN = "measured"
TOPIC = "news.raw.v1"
NUMBER = 12


def fresh_records() -> list[Outgoing]:
    """Published just now, so that their latency is one; one of them is bad."""
    now = datetime.now(UTC)
    stamp = round(now.timestamp() * 1000)
    good = [
        Outgoing(TOPIC, payload(n, id=f"now-{n}", event_time=now.isoformat()), key=f"{n}".encode(), timestamp_ms=stamp)
        for n in range(NUMBER)
    ]  # fmt: skip
    return [*good, Outgoing(TOPIC, b"{", partition=0, timestamp_ms=stamp)]


def test_a_worker_at_work_tells_how_it_is(deployment: Deployment, unused_tcp_port: int):
    deployment.add_run(RUN)
    worker = deployment.start(
        RUN, SENTIWATCH_WEB__PORT=str(unused_tcp_port), SENTIWATCH_LOG_FORMAT="json", SENTIWATCH_LOG_LEVEL="DEBUG",
        SENTIWATCH_WORKER__HEARTBEAT_INTERVAL="PT0S",
    )  # fmt: skip
    address = f"http://127.0.0.1:{unused_tcp_port}"
    wait_until(lambda: fetch(f"{address}/ready")[0] == 200, "the worker is ready")
    assert fetch(f"{address}/live") == (200, json.dumps({"ok": True, "wrong": []}))
    deployment.publish(fresh_records())
    wait_until(lambda: deployment.stored(RUN) >= NUMBER + 1, "all is stored")
    wait_until(
        lambda: f'documents_total{{topic="{TOPIC}"}} {NUMBER}.0' in fetch(f"{address}/metrics")[1],
        "it is counted",
    )

    _, page = fetch(f"{address}/metrics")
    assert f'sentiwatch_dead_letters_total{{reason="not_json",topic="{TOPIC}"}} 1.0' in page
    assert f'sentiwatch_end_to_end_seconds_count{{topic="{TOPIC}"}} {NUMBER}.0' in page
    assert 'sentiwatch_inference_seconds_count{model="sentiment"}' in page
    caught_up = f'sentiwatch_partition_lag_records{{partition="0",topic="{TOPIC}"}} 0.0'
    wait_until(lambda: caught_up in fetch(f"{address}/metrics")[1], "the lag is back to nought")
    assert "sentiwatch_closer_step_age_seconds" in page
    assert (
        "document_id=" in fetch(f"{address}/metrics", accept="application/openmetrics-text; version=1.0.0")[1]
    )
    if shutil.which("promtool"):
        checked = subprocess.run(
            ["promtool", "check", "metrics"], input=page, capture_output=True, text=True, check=False
        )
        assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")

    worker.send_signal(signal.SIGTERM)
    code, _, err = deployment.finish(worker)
    assert code == 0, err
    assert fetch(f"{address}/live") == (0, "")
    events = [json.loads(line) for line in err.splitlines()]
    told = [one for event in events for one in event.get("document_ids", [])]
    assert len(set(told)) == NUMBER
    (buried,) = [event for event in events if event["event"].startswith("buried")]
    assert buried["letters"] == [
        {"partition": 0, "offset": buried["letters"][0]["offset"], "reason": "not_json"}
    ]


def test_a_worker_that_everybody_could_ask_refuses_to_start(deployment: Deployment):
    deployment.add_run(RUN)
    code, out, err = deployment.finish(deployment.start(RUN, "--drain", SENTIWATCH_WEB__HOST="0.0.0.0"))  # noqa: S104
    assert (code, out) == (1, "")
    assert "SENTIWATCH_WEB__TOKEN" in err
    assert len(err.strip().splitlines()) == 1
