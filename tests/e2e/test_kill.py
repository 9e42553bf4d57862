"""Workers that die in the middle of their work leave the same rows as workers that do not."""

from __future__ import annotations

import json
import random
import time
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from streams.scenario.generator import generate
from streams.scenario.malformed import _KINDS
from streams.wire.outgoing import Outgoing
from tests.service import wait_until

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streams.scenario.shapes import Record
    from tests.service import Deployment

pytestmark = [pytest.mark.e2e, pytest.mark.integration, pytest.mark.slow]

SEED = 7
RECORDS = 1_500
KILLS = 3
# What the planted kinds are called among the reasons.
REASONS = {
    "missing_event_time": {"missing_date"},
    "absurd_date": {"date_out_of_range", "unparseable_date", "future_date"},
    "wrong_type": {"wrong_type", "not_an_object"},
    "too_long": {"text_too_long"},
}
DOCUMENTS = """
    SELECT source, source_id, revision, kafka_topic, kafka_partition, kafka_offset, known_wm, topic, companies
    FROM core.document WHERE run_id = %(run)s ORDER BY 1, 2
"""
MENTIONS = """
    SELECT document_id, entity_id, p_neg, p_neu, p_pos, relevance, known_pane
    FROM core.mention WHERE run_id = %(run)s ORDER BY 1, 2
"""
LETTERS = """
    SELECT kafka_topic, kafka_partition, kafka_offset, reason
    FROM core.dead_letter WHERE run_id = %(run)s ORDER BY 1, 2, 3
"""


def is_broken(record: Record) -> bool:
    return record.key.startswith(b"bad-")


def chosen_records() -> list[Record]:
    """The first ordinary ones and all malformed ones, in publish order."""
    scenario = generate(SEED)
    ordinary = [record for record in scenario.records if not is_broken(record)][:RECORDS]
    broken = [record for record in scenario.records if is_broken(record)]
    return sorted([*ordinary, *broken], key=lambda record: record.timestamp_ms)


def newest_versions(records: Sequence[Record]) -> dict[tuple[str, str], int]:
    """By source and id, the largest revision: what must be stored, by the naive way."""
    newest: dict[tuple[str, str], int] = {}
    for record in records:
        if not is_broken(record):
            payload = json.loads(record.value)
            key = payload["source"], payload["id"]
            newest[key] = max(newest.get(key, 0), payload.get("revision", 0))
    return newest


def kill_and_restart(deployment: Deployment, run: str, total: int) -> None:
    """Kill -9 at seeded points of the way, each time in the middle of what is in flight."""
    chance = random.Random(SEED)
    for point in sorted(chance.sample(range(20, total * 3 // 4), KILLS)):
        worker = deployment.start(run)

        def is_there(worker=worker, point=point) -> bool:
            assert worker.poll() is None, worker.communicate()[1]
            return deployment.stored(run) > point

        wait_until(is_there, f"{point} records are stored")
        time.sleep(chance.uniform(0, 0.3))
        worker.kill()
        worker.wait()


def test_workers_killed_in_the_middle_leave_what_an_undisturbed_one_leaves(deployment: Deployment):
    records = chosen_records()
    deployment.publish([Outgoing(r.topic, r.value, key=r.key, timestamp_ms=r.timestamp_ms) for r in records])
    for run in ("disturbed", "calm"):
        deployment.add_run(run)
    kill_and_restart(deployment, "disturbed", len(records))
    assert deployment.stored("disturbed") < len(records), "the last kill came too late to disturb anything"
    deployment.drain("disturbed")
    deployment.drain("calm")

    stored = deployment.rows(
        "SELECT source, source_id, revision FROM core.document WHERE run_id = %(run)s", "disturbed"
    )
    assert len(stored) == len({row[:2] for row in stored})
    assert {row[:2]: row[2] for row in stored} == newest_versions(records)
    letters = deployment.rows(
        "SELECT convert_from(record_key, 'UTF8'), reason FROM core.dead_letter WHERE run_id = %(run)s",
        "disturbed",
    )
    assert Counter(key for key, _ in letters) == Counter(f"bad-{n:02d}" for n in range(len(_KINDS)))
    for key, reason in letters:
        kind = _KINDS[int(key.removeprefix("bad-"))][0]
        assert reason in REASONS.get(kind, {kind}), key
    for query in (DOCUMENTS, MENTIONS, LETTERS):
        assert deployment.rows(query, "disturbed") == deployment.rows(query, "calm")
    prints = [deployment.command(run, "run", "fingerprint", run) for run in ("disturbed", "calm")]
    assert prints[0] == prints[1]
    assert deployment.stored("disturbed") == deployment.stored("calm") == len(records)
