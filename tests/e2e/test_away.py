"""A worker whose dependencies freeze, fail or die, and documents that kill the model: nothing is lost, and it ends in time."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING

import pytest

from streams.wire.outgoing import Outgoing
from tests.builders import NOON, minutes, payload
from tests.fragile import FragileParts
from tests.service import Deployment, deployed, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.e2e, pytest.mark.integration, pytest.mark.slow]

RUN = "away"
TOPIC = "news.raw.v1"
PARTS = ("kafka", "triton", "postgres")


@pytest.fixture(scope="module")
def fragile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FragileParts]:
    parts = FragileParts(tmp_path_factory.mktemp("fragile"))
    yield parts
    parts.close()


@pytest.fixture
def place(fragile: FragileParts) -> Iterator[Deployment]:
    with deployed(fragile.addresses) as made:
        made.add_run(RUN)
        yield made


def documents(first: int, count: int, **texts: str) -> list[Outgoing]:
    """A minute apart; ``n4="…"`` is what number 4 says."""
    return [
        Outgoing(
            TOPIC,
            payload(n, id=f"doc-{n}", content=texts.get(f"n{n}", f"Acme says number {n} of {first}.")),
            key=f"{n}".encode(),
            timestamp_ms=round((NOON + minutes(n + 1)).timestamp() * 1000),
        )
        for n in range(first, first + count)
    ]


def stored_ids(place: Deployment) -> list[str]:
    return [
        row[0]
        for row in place.rows("SELECT source_id FROM core.document WHERE run_id = %(run)s ORDER BY 1", RUN)
    ]


def buried(place: Deployment) -> list[tuple[str, str]]:
    return place.rows("SELECT reason, detail FROM core.dead_letter WHERE run_id = %(run)s ORDER BY 1, 2", RUN)


def everything(count: int) -> list[str]:
    return sorted(f"doc-{n}" for n in range(count))


@pytest.mark.parametrize("parts", [("kafka",), ("triton",), ("postgres",), PARTS])
def test_a_worker_told_to_end_does_so_in_time_although_parts_are_frozen(
    fragile: FragileParts, place: Deployment, parts: tuple[str, ...]
):
    worker = place.start(RUN, SENTIWATCH_WORKER__SLICE_RECORDS="4")
    place.publish(documents(0, 400))
    wait_until(lambda: place.stored(RUN) > 8, "the first records are stored")
    with fragile.frozen(*parts):
        began = time.monotonic()
        worker.send_signal(signal.SIGTERM)
        _, _, err = place.finish(worker)
        assert time.monotonic() - began < 30, err
    place.drain(RUN)
    assert stored_ids(place) == everything(400)
    assert buried(place) == []


@pytest.mark.parametrize("part", PARTS)
def test_a_worker_goes_on_by_itself_when_a_frozen_part_moves_again(
    fragile: FragileParts, place: Deployment, part: str
):
    worker = place.start(RUN)
    place.publish(documents(0, 100))
    wait_until(lambda: place.stored(RUN) > 20, "the first records are stored")
    with fragile.frozen(part):
        time.sleep(8)  # longer than a session and than the watch on Postgres: the outage is the point
    place.publish(documents(100, 100))
    wait_until(lambda: place.stored(RUN) == 200, "all is stored")
    assert worker.poll() is None
    assert stored_ids(place) == everything(200)
    assert buried(place) == []


@pytest.mark.parametrize("part", PARTS)
def test_a_worker_goes_on_by_itself_when_a_part_was_killed_and_started_again(
    fragile: FragileParts, place: Deployment, part: str
):
    worker = place.start(RUN)
    place.publish(documents(0, 100))
    wait_until(lambda: place.stored(RUN) > 20, "the first records are stored")
    fragile.restart(part)
    place.publish(documents(100, 100))
    wait_until(lambda: place.stored(RUN) == 200, "all is stored")
    assert worker.poll() is None
    assert stored_ids(place) == everything(200)
    assert buried(place) == []


def test_documents_that_kill_the_model_are_buried_and_their_neighbours_are_scored(place: Deployment):
    fatal = {
        "n3": "Acme kills the model",
        "n7": "Acme kills the model again",
        "n9": "Acme fails in the model",
    }
    place.publish(documents(0, 24, **fatal))
    figures = place.drain(RUN)
    assert (figures["documents"], figures["dead_letters"]) == (21, 3)
    assert {reason for reason, _ in buried(place)} == {"model_refused"}
    assert stored_ids(place) == sorted(f"doc-{n}" for n in range(24) if n not in {3, 7, 9})


def test_a_model_whose_process_was_killed_is_revived_although_nothing_was_asked(
    fragile: FragileParts, place: Deployment
):
    worker = place.start(RUN, SENTIWATCH_TRITON__PROBE_INTERVAL="PT1S")
    place.publish(documents(0, 5))
    wait_until(lambda: place.stored(RUN) == 5, "the worker works")
    fragile.kill_model("sentiment")
    place.publish(documents(5, 5))
    wait_until(lambda: place.stored(RUN) == 10, "the model is back")
    assert stored_ids(place) == everything(10)
    assert buried(place) == []
    assert worker.poll() is None
