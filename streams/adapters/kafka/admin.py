"""Topics and offsets, as the broker has them."""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import InvalidConfigurationError, TopicAlreadyExistsError, for_code

from streams.adapters.kafka.connecting import connected, where
from streams.adapters.kafka.security import connection
from streams.adapters.kafka.translation import kafka_errors
from streams.domain.document import SourcePartition
from streams.errors import Misconfigured, Unavailable
from streams.wire.topics import NEWER_CONFIG

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Iterable, Mapping

    from streams.settings import KafkaSettings
    from streams.wire.topics import Topic

REQUEST_MS: Final = 10_000
SETTLE_SECONDS: Final = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 3.2)


@dataclass(frozen=True, slots=True)
class TopicState:
    """A topic on the broker; ``config`` holds what was asked for, where the broker knows it."""

    name: str
    partitions: int
    replication: int
    config: Mapping[str, str] = field(default_factory=dict)


class KafkaAdmin:
    """Makes and describes topics."""

    def __init__(self, client: AIOKafkaAdminClient, settings: KafkaSettings) -> None:
        self._client = client
        self._settings = settings

    @classmethod
    @asynccontextmanager
    async def connect(cls, settings: KafkaSettings) -> AsyncIterator[KafkaAdmin]:
        """A started client.

        Raises:
            Unavailable: the broker cannot be reached.
            Misconfigured: the broker refuses us.
        """
        arguments = connection(settings)

        def make() -> AIOKafkaAdminClient:
            return AIOKafkaAdminClient(**arguments, request_timeout_ms=REQUEST_MS)

        async with connected(make, AIOKafkaAdminClient.close, settings) as client:
            yield cls(client, settings)

    async def describe(self, topics: Iterable[Topic]) -> dict[str, TopicState]:
        """The state of those that exist, by name."""
        wanted = {topic.name: topic for topic in topics}
        with kafka_errors(where(self._settings)):
            # All topics: asking by name would make them on a broker that creates topics by itself.
            found = await self._client.describe_topics()
            listed = {entry["topic"]: entry["partitions"] for entry in found if entry["topic"] in wanted}
            configs = await self._configs(listed)
        return {
            name: TopicState(name, len(partitions), _replication(partitions), configs.get(name, {}))
            for name, partitions in listed.items()
        }

    async def create(self, topics: Collection[Topic]) -> list[str]:
        """Make those that are missing and wait until they can be used; the names of the new ones.

        Raises:
            Misconfigured: one exists with another number of partitions, or the broker refuses a new one.
        """
        existing = await self.describe(topics)
        problems = mismatches(topics, existing, self._settings)
        if problems:
            raise Misconfigured("; ".join(problems))
        missing = [topic for topic in topics if topic.name not in existing]
        if missing:
            with kafka_errors(where(self._settings)):
                await self._create(missing)
            await self._settle(topics)
        return [topic.name for topic in missing]

    async def delete(self, topics: Iterable[Topic]) -> None:
        """Remove topics and their records for good."""
        with kafka_errors(where(self._settings)):
            await self._client.delete_topics([topic.name for topic in topics])

    async def _create(self, topics: Collection[Topic], without: frozenset[str] = frozenset()) -> None:
        answer = await self._client.create_topics([self._new(topic, without) for topic in topics])
        older = []
        for name, code, *told in answer.topic_errors:
            kind = for_code(code)
            if kind is InvalidConfigurationError and not without:
                older += [topic for topic in topics if topic.name == name]
            elif code and kind is not TopicAlreadyExistsError:  # another command was faster: fine
                raise Misconfigured(f"{name}: the broker refuses it: {(told and told[0]) or kind.__name__}")
        if older:
            await self._create(older, NEWER_CONFIG)

    def _new(self, topic: Topic, without: frozenset[str]) -> NewTopic:
        config = {name: value for name, value in topic.config.items() if name not in without}
        partitions = topic.partition_count(self._settings)
        return NewTopic(topic.name, partitions, self._settings.replication, topic_configs=config)

    async def _settle(self, topics: Collection[Topic]) -> None:
        """A new topic is known to all brokers, with leaders, only a little after its creation."""
        for pause in SETTLE_SECONDS:
            if len(await self.describe(topics)) == len(topics):
                return
            await asyncio.sleep(pause)
        raise Unavailable(f"{where(self._settings)}: new topics do not appear")

    async def _configs(self, names: Iterable[str]) -> dict[str, dict[str, str]]:
        resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
        if not resources:
            return {}
        configs = {}
        for answer in await self._client.describe_configs(resources):
            for code, _, _, name, entries in answer.resources:
                if code == 0:
                    configs[name] = {entry[0]: entry[1] for entry in entries}
        return configs


def mismatches(
    topics: Iterable[Topic], existing: Mapping[str, TopicState], settings: KafkaSettings
) -> list[str]:
    """One sentence for each topic whose number of partitions is not the table's."""
    return [
        f"{topic.name} has {state.partitions} partitions, expected {topic.partition_count(settings)}: "
        "set SENTIWATCH_KAFKA__PARTITIONS to what the broker has, or delete the topic"
        for topic in topics
        if (state := existing.get(topic.name)) and state.partitions != topic.partition_count(settings)
    ]


def config_differences(topic: Topic, state: TopicState) -> dict[str, tuple[str, str]]:
    """Settings whose value on the broker is not the table's: name → (broker, table)."""
    return {
        name: (state.config[name], wanted)
        for name, wanted in topic.config.items()
        if name in state.config and state.config[name] != wanted
    }


@dataclass(frozen=True, slots=True)
class OffsetSpan:
    """The offsets [beginning, end) that a partition held when asked."""

    beginning: int
    end: int


async def offset_spans(settings: KafkaSettings, topics: Collection[str]) -> dict[SourcePartition, OffsetSpan]:
    """Beginning and end offsets of every partition of these topics, now.

    Raises:
        Misconfigured: a topic does not exist.
        Unavailable: the broker does not answer.
    """
    await _require_topics(settings, topics)
    async with _consumer(settings, *topics) as consumer:
        with kafka_errors(where(settings)):
            partitions = [
                TopicPartition(topic, number)
                for topic in topics
                for number in sorted(consumer.partitions_for_topic(topic) or ())
            ]
            beginnings = await consumer.beginning_offsets(partitions)
            ends = await consumer.end_offsets(partitions)
    return {
        SourcePartition(partition.topic, partition.partition): OffsetSpan(
            beginnings[partition], ends[partition]
        )
        for partition in partitions
    }


async def _require_topics(settings: KafkaSettings, topics: Collection[str]) -> None:
    """A consumer told of a topic that does not exist waits for it in vain: ask first."""
    async with _consumer(settings) as consumer:
        with kafka_errors(where(settings)):
            known = await consumer.topics()
    if unknown := sorted(set(topics) - known):
        raise Misconfigured(f"no topic {', '.join(unknown)} on the broker: `sentiwatch topics create`")


def _consumer(settings: KafkaSettings, *topics: str) -> AbstractAsyncContextManager[AIOKafkaConsumer]:
    """A started consumer without a group; it learns the partitions of ``topics`` as it starts."""
    arguments = connection(settings)

    def make() -> AIOKafkaConsumer:
        return AIOKafkaConsumer(*topics, **arguments, request_timeout_ms=REQUEST_MS, enable_auto_commit=False)

    return connected(make, AIOKafkaConsumer.stop, settings)


async def end_offsets(settings: KafkaSettings, topics: Collection[str]) -> dict[SourcePartition, int]:
    """The offset that the next record of each partition will get; raises as `offset_spans` does."""
    return {partition: span.end for partition, span in (await offset_spans(settings, topics)).items()}


async def beginning_offsets(settings: KafkaSettings, topics: Collection[str]) -> dict[SourcePartition, int]:
    """The offset of the first record that each partition still has; raises as `offset_spans` does."""
    return {partition: span.beginning for partition, span in (await offset_spans(settings, topics)).items()}


def _replication(partitions: Iterable[Mapping[str, Any]]) -> int:
    return min((len(partition["replicas"]) for partition in partitions), default=0)
