"""Facts about Faust and its driver that the runtime is built around: an upgrade that changes them must show here."""

from __future__ import annotations

import asyncio
import inspect
import subprocess
import sys
from importlib.metadata import version
from typing import TYPE_CHECKING

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from faust.tables.recovery import Recovery
from faust.transport.consumer import Consumer
from faust.types.tuples import ConsumerMessage
from mode.supervisors import CrashingSupervisor

from streams.runtime.agents import add_agents
from streams.runtime.app import SEEK_SECONDS, make_app
from streams.settings import KafkaSettings
from streams.wire.outgoing import Outgoing
from tests.builders import NOON, payload
from tests.service import deployed

if TYPE_CHECKING:
    from tests.service import Deployment

RUN = "trapped"


async def no_assignment(assigned):
    return {}


def test_the_versions_are_those_the_facts_were_checked_on():
    assert version("faust-streaming") == "0.15.3"
    assert version("aiokafka").startswith("0.14.")


def test_without_the_compiled_streams_the_runtime_refuses_to_load():
    program = "import sys; sys.modules['faust._cython.streams'] = None; import streams.runtime.app"
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert told.returncode != 0
    assert "faust._cython.streams" in told.stderr


async def test_an_agent_that_raises_crashes_instead_of_acknowledging_and_going_on():
    app = make_app(KafkaSettings(bootstrap="127.0.0.1:1"), "instance-0", no_assignment)
    add_agents(app, {"news.raw.v1": None})  # type: ignore[dict-item]
    (agent,) = app.agents.values()
    assert agent.supervisor_strategy is CrashingSupervisor


async def test_what_could_hang_or_declare_topics_is_switched_off():
    conf = make_app(KafkaSettings(bootstrap="127.0.0.1:1"), "instance-0", no_assignment).conf
    assert not conf.topic_allow_declare
    assert conf.topic_disable_leader
    assert not conf.stream_wait_empty
    assert conf.consumer_group_instance_id == "instance-0"
    assert conf.broker_request_timeout > SEEK_SECONDS


def test_a_message_has_a_slot_for_the_epoch_that_the_driver_leaves_alone():
    assert (
        "checksum" in ConsumerMessage.__slots__ or "checksum" in inspect.signature(ConsumerMessage).parameters
    )


def test_a_seek_that_takes_too_long_still_ends_the_recovery_for_good():
    """Why our start returns early: `_wait` takes a timeout for a stop, and the recovery loop then ends."""
    assert "timeout=self.app.conf.broker_request_timeout" in inspect.getsource(Recovery._resume_streams)
    assert "raise ServiceStopped" in inspect.getsource(Recovery._wait)


def test_a_fetch_that_returns_while_the_flow_is_stopped_still_asks_for_a_start():
    """Why starts are made one at a time, and none while a worker ends."""
    assert "await self.perform_seek()" in inspect.getsource(Consumer.getmany)


async def remember_in_kafka(deployment: Deployment, offsets: dict[TopicPartition, int]) -> None:
    consumer = AIOKafkaConsumer(
        bootstrap_servers=deployment.kafka.bootstrap,
        group_id=f"{deployment.kafka.group}-{RUN}",
        enable_auto_commit=False,
    )
    await consumer.start()
    try:
        consumer.assign(list(offsets))
        await consumer.commit(offsets)
    finally:
        await consumer.stop()


@pytest.mark.integration
@pytest.mark.slow
@pytest.mark.parametrize("ahead", [True, False], ids=["ahead", "behind"])
def test_reading_starts_from_source_progress_wherever_kafka_remembers(parts, ahead: bool):  # noqa: FBT001
    with deployed(parts) as deployment:
        deployment.add_run(RUN)
        stamp = round(NOON.timestamp() * 1000)
        deployment.publish(
            [
                Outgoing("news.raw.v1", payload(0, id=f"doc-{n}"), key=f"{n}".encode(), timestamp_ms=stamp)
                for n in range(12)
            ]
        )
        if ahead:
            end = {
                TopicPartition(s.topic, s.partition): offset + 12 for s, offset in deployment.starts.items()
            }
        else:
            end = {TopicPartition(s.topic, s.partition): 0 for s in deployment.starts}
        asyncio.run(remember_in_kafka(deployment, end))
        figures = deployment.drain(RUN)
        assert (figures["records"], figures["documents"]) == (12, 12)
        assert deployment.stored(RUN) == 12
