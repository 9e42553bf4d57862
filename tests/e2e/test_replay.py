"""A replay of what a live run has read leaves the same rows beside it, and leaves the live ones alone."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

import pytest

from streams.scenario.generator import generate
from streams.wire.outgoing import Outgoing
from tests.service import COMMAND, wait_until

if TYPE_CHECKING:
    from tests.service import Deployment

pytestmark = [pytest.mark.e2e, pytest.mark.integration, pytest.mark.slow]

RECORDS = 600


def start_replay(deployment: Deployment, name: str, **changes: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [*COMMAND, "replay", "--run", name, "--json"],
        env=deployment.variables("first", **changes),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deployment.running.append(process)
    return process


def test_a_replay_killed_and_resumed_gives_the_live_runs_fingerprint(deployment: Deployment):
    records = generate(11).records[:RECORDS]
    deployment.publish([Outgoing(r.topic, r.value, key=r.key, timestamp_ms=r.timestamp_ms) for r in records])
    for run in ("first", "again"):
        deployment.add_run(run)
    deployment.drain("first")
    before = deployment.command("first", "run", "fingerprint", "first")

    killed = start_replay(deployment, "again", SENTIWATCH_WORKER__SLICE_RECORDS="7")
    wait_until(lambda: deployment.stored("again") > 0, "the replay has stored something")
    killed.kill()
    killed.wait()
    code, out, err = deployment.finish(
        start_replay(deployment, "again", SENTIWATCH_WORKER__SLICE_RECORDS="50")
    )

    assert code == 0, err
    assert json.loads(out)["fingerprint"] == before
    assert deployment.command("first", "run", "fingerprint", "first") == before
    assert deployment.stored("again") == len(records)


def test_the_live_run_cannot_be_replayed_into(deployment: Deployment):
    deployment.add_run("first")
    code, _, err = deployment.finish(start_replay(deployment, "first"))
    assert code == 1
    assert len(err.strip().splitlines()) == 1
