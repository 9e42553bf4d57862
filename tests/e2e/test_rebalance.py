"""Workers that come and go in the middle of the work: partitions change hands, rows do not."""

from __future__ import annotations

import signal
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from streams.wire.outgoing import Outgoing
from tests.builders import NOON, minutes, payload
from tests.service import wait_until

if TYPE_CHECKING:
    from tests.service import Deployment

pytestmark = [pytest.mark.e2e, pytest.mark.integration, pytest.mark.slow]

RUN = "shared"
TOPICS = ("news.raw.v1", "social.raw.v1")


def documents(first: int, count: int) -> list[Outgoing]:
    return [
        Outgoing(
            topic,
            payload(n, id=f"{topic}-{n}"),
            key=f"{n}".encode(),
            timestamp_ms=round((NOON + minutes(n) + timedelta(seconds=5)).timestamp() * 1000),
        )
        for n in range(first, first + count)
        for topic in TOPICS
    ]


def stored_ids(deployment: Deployment) -> list[str]:
    rows = deployment.rows("SELECT source_id FROM core.document WHERE run_id = %(run)s ORDER BY 1", RUN)
    return [row[0] for row in rows]


def test_partitions_change_hands_while_records_flow_and_each_document_is_stored_once(deployment: Deployment):
    deployment.add_run(RUN)
    deployment.publish(documents(0, 100))
    first = deployment.start(RUN)
    wait_until(lambda: deployment.stored(RUN) > 20, "the first worker works")
    second = deployment.start(RUN)
    deployment.publish(documents(100, 100))
    wait_until(lambda: deployment.stored(RUN) > 220, "both have worked")
    first.kill()
    third = deployment.start(RUN)
    deployment.publish(documents(200, 100))
    wait_until(lambda: deployment.stored(RUN) == 600, "the others have taken over")
    for worker in (second, third):
        worker.send_signal(signal.SIGTERM)
    for worker in (second, third):
        code, _, err = deployment.finish(worker)
        assert code == 0, err
        assert "Traceback" not in err
    assert stored_ids(deployment) == sorted(f"{topic}-{n}" for topic in TOPICS for n in range(300))
    deployment.drain(RUN)
    assert deployment.rows("SELECT count(*) FROM core.dirty_window WHERE run_id = %(run)s", RUN) == [(0,)]
