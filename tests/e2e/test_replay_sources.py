"""A replay by several processes, and one from files, on the real parts."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from streams.scenario.generator import generate
from streams.wire.outgoing import Outgoing
from tests.service import COMMAND, wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.service import Deployment

pytestmark = [pytest.mark.e2e, pytest.mark.integration, pytest.mark.slow]
RECORDS = 400
NOWHERE = "127.0.0.1:1"


def start(deployment: Deployment, *arguments: str, **changes: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [*COMMAND, "replay", "--json", *arguments],
        env=deployment.variables("live", **changes),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deployment.running.append(process)
    return process


def done(deployment: Deployment, *arguments: str, **changes: str) -> dict[str, Any]:
    code, out, err = deployment.finish(start(deployment, *arguments, **changes))
    assert code == 0, err
    found: dict[str, Any] = json.loads(out)
    return found


def test_any_number_of_processes_gives_the_same_run(deployment: Deployment):
    records = generate(12).records[:RECORDS]
    deployment.publish([Outgoing(r.topic, r.value, key=r.key, timestamp_ms=r.timestamp_ms) for r in records])
    for run in ("one", "three"):
        deployment.add_run(run)
    one = done(deployment, "--run", "one")
    three = done(deployment, "--run", "three", "--workers", "3", "--load", "0.8")
    assert three["fingerprint"] == one["fingerprint"]
    assert three["records"] == one["records"] == len(records)
    assert three["alerts"] == one["alerts"]


def test_the_same_files_give_the_same_run_without_kafka_and_after_a_kill(
    deployment: Deployment, tmp_path: Path
):
    files = {topic: tmp_path / f"{topic}.jsonl" for topic in ("news.raw.v1", "social.raw.v1")}
    chosen = generate(12).records[:RECORDS]
    for topic, path in files.items():
        lines = [r.value for r in chosen if r.topic == topic and r.value is not None and b"\n" not in r.value]
        path.write_bytes(b"\n".join(lines))
    asked = ("--topic", "social.raw.v1", "--file", str(files["social.raw.v1"]))

    whole = done(deployment, "--run", "whole", *asked, SENTIWATCH_KAFKA__BOOTSTRAP=NOWHERE)
    killed = start(
        deployment, "--run", "killed", *asked, SENTIWATCH_KAFKA__BOOTSTRAP=NOWHERE, SENTIWATCH_WORKER__SLICE_RECORDS="5"
    )  # fmt: skip
    wait_until(lambda: has_progress(deployment, "killed"), "the replay has stored something")
    killed.kill()
    killed.wait()
    resumed = done(deployment, "--run", "killed", *asked, SENTIWATCH_KAFKA__BOOTSTRAP=NOWHERE)

    assert whole["documents"] > 50
    assert resumed["fingerprint"] == whole["fingerprint"]
    shown = json.loads(deployment.command("live", "run", "show", "killed", "--json"))
    assert shown["command"].startswith("sentiwatch replay --run killed --topic social.raw.v1 --file ")

    files["social.raw.v1"].write_bytes(files["social.raw.v1"].read_bytes() + b"\n")
    code, _, err = deployment.finish(start(deployment, "--run", "killed", *asked))
    assert code == 1
    assert "was begun with" in err


def has_progress(deployment: Deployment, run: str) -> bool:
    import psycopg

    with psycopg.connect(deployment.url) as connection:
        row = connection.execute(
            "SELECT max(next_offset) FROM core.source_progress JOIN core.run USING (run_id) WHERE name = %s",
            (run,),
        ).fetchone()
    return bool(row and row[0])
