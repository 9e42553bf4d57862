"""Faust, set up so that its known traps do not apply, and a consumer that reads from our own progress.

Settings that avoid known hangs are explained in one place here; the cases behind them are regression tests.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

import faust
from aiokafka.errors import IllegalStateError, KafkaError
from faust.exceptions import ConsumerNotStarted
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread, Consumer, Transport
from faust.types import TP

from streams.adapters.kafka.security import ssl_context
from streams.domain.document import SourcePartition
from streams.errors import Misconfigured

try:
    import faust._cython.streams
except ImportError as error:
    # The pure-Python stream acknowledges a stale generation's messages without processing them.
    raise Misconfigured(
        "Faust was installed without its compiled faust._cython.streams: install faust-streaming[fast] from a wheel"
    ) from error

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence

    from faust.types.tuples import ConsumerMessage

    from streams.settings import KafkaSettings

    Assign = Callable[[Sequence[SourcePartition]], Awaitable[Mapping[SourcePartition, int]]]

# A lane that waits for a dependency does not poll; that is no reason to be thrown out of the group.
MAX_POLL_SECONDS = 24 * 3600.0


# Faust gives up on a seek after `broker_request_timeout` (40 s) and then never reads again, without a word.
SEEK_SECONDS = 20.0
POSITION_SECONDS = 2.0
FULL_SECONDS = 0.02
# A message is all that one fetch gave of a partition: a few of them keep a lane busy, more only fill memory.
WAITING_MESSAGES = 10
FETCHED_RECORDS = 1_000


class CommittedThread(AIOKafkaConsumerThread):
    """The driver's consumer thread, reading committed records only: an aborted transaction was never sent."""

    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = super()._create_worker_consumer(transport)
        consumer._isolation_level = "read_committed"  # noqa: SLF001 - Faust has no setting for it without transactions
        return consumer


class ProgressConsumer(Consumer):
    """Starts every assigned partition where `source_progress` says, and marks what was fetched before that.

    ``epoch`` counts the starts. A message fetched under an older epoch may still be on its way through Faust when reading
    starts again further back; taking it for the next record would skip everything between. The message's ``checksum`` slot
    (always None in today's record format) carries the epoch.

    Faust asks for the start after an assignment, and again whenever a fetch returns while the flow is stopped; the last
    one that asked decides. Nothing flows before the start is made, however long the store is away.
    """

    app: Any
    epoch = 0
    _starting: asyncio.Task[None] | None = None
    _flow_wanted = False

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._stored: dict[TP, int] = {}

    def _new_consumer_thread(self) -> CommittedThread:
        return CommittedThread(self, loop=self.loop, beacon=self.beacon)

    async def perform_seek(self) -> None:
        """Called by Faust in place of a seek to the committed offsets; returns early rather than too late."""
        await self.abandon_start()
        if self.app.ending:
            return
        task = self._starting = asyncio.ensure_future(self._start_from_progress())
        task.add_done_callback(self._has_started)
        await asyncio.wait({task}, timeout=SEEK_SECONDS)
        if task.done() and isinstance(failure(task), IllegalStateError):
            task.result()  # a partition is not ours any more: Faust waits for the next assignment

    async def abandon_start(self) -> None:
        """Cancel a start that is being made."""
        while self._starting is not None and not self._starting.done():
            self._starting.cancel()
            await asyncio.wait({self._starting})

    async def _start_from_progress(self) -> None:
        self.epoch += 1
        assigned = [SourcePartition(tp.topic, tp.partition) for tp in self.assignment()]
        offsets = await self.app.on_assignment(assigned)
        positions = {TP(source.topic, source.partition): offset for source, offset in offsets.items()}
        self._stored = {}
        if positions:
            await self.seek_wait(positions)
        self._stored = {tp: offset for tp, offset in positions.items() if offset}
        for tp, offset in positions.items():
            self._read_offset[tp] = offset or None
            # Unknown: whoever stored this may have died before it told Kafka, so it is told once more.
            self._committed_offset[tp] = None

    def _has_started(self, task: asyncio.Task[None]) -> None:
        if task.cancelled() or task is not self._starting:
            return
        error = failure(task)
        if error is None and self._flow_wanted:
            super().resume_flow()
        elif error is not None and not isinstance(error, IllegalStateError):
            self._crashing = asyncio.ensure_future(self.app.crash(error))

    def resume_flow(self) -> None:
        """Let records flow, once their start is made."""
        self._flow_wanted = True
        if self._starting is None or (self._starting.done() and failure(self._starting) is None):
            super().resume_flow()

    def stop_flow(self) -> None:
        """Let no more records through."""
        self._flow_wanted = False
        super().stop_flow()

    async def has_fetched(self, source: SourcePartition, end: int) -> bool:
        """Whether the driver has read an assigned partition up to ``end``, records or not (control records have none)."""
        tp = TP(source.topic, source.partition)
        if not self.flow_active or tp not in self.assignment():
            return False
        try:
            position = await asyncio.wait_for(self.position(tp), POSITION_SECONDS)
        except (TimeoutError, IllegalStateError):
            return False
        return position is not None and bool(position >= end)

    async def remembers(self, stored: Mapping[SourcePartition, int]) -> bool:
        """Whether Kafka has been told that these partitions, of whichever member, are stored up to there."""
        try:
            return all(
                [offset <= await self._remembered(source) for source, offset in stored.items() if offset]
            )
        except (TimeoutError, ConsumerNotStarted, KafkaError):
            return False

    async def _remembered(self, source: SourcePartition) -> int:
        driver = self._thread._ensure_consumer()  # noqa: SLF001 - Faust asks only for partitions of its own
        asked = self._thread.call_thread(driver.committed, TP(source.topic, source.partition))
        return await asyncio.wait_for(asked, POSITION_SECONDS) or 0

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, ConsumerMessage]]:  # noqa: ASYNC109 - Faust's
        """What was fetched of a partition as one message: two tasks and an event a record cost more than the rest of Faust.

        The message carries the records in its value; the reader of the topic's agent unpacks them.
        """
        records, _ = await self._wait_next_records(timeout)
        if records is None or self.should_stop:
            return
        if not self.flow_active:
            with contextlib.suppress(IllegalStateError):  # a partition is not ours any more
                await self.perform_seek()  # stopped while fetching: what came is dropped and read again
            return
        generation = self.app.consumer_generation_id
        for tp, fetched in records.items():
            if not self._flows_in(generation):
                return
            if fetched:
                yield tp, self._stretch_of(tp, fetched)

    async def _wait_next_records(self, timeout: float) -> tuple[Any, Any]:  # noqa: ASYNC109 - Faust's
        while self._is_full():  # noqa: ASYNC110 - Faust has no event for it
            await asyncio.sleep(FULL_SECONDS)  # Faust itself would look again after a second
        return await super()._wait_next_records(timeout)

    def _flows_in(self, generation: int) -> bool:
        return bool(self.flow_active and self.app.consumer_generation_id == generation)

    def _is_full(self) -> bool:
        flows = self.flow_active and not self.should_stop
        return bool(flows and self.assignment() and not self._get_active_partitions())

    def _stretch_of(self, tp: TP, fetched: Sequence[Any]) -> ConsumerMessage:
        message = self._to_message(tp, fetched[0])
        message.value = tuple(fetched)  # type: ignore[assignment]
        message.checksum = self.epoch  # type: ignore[assignment]
        return message

    def end_of(self, source: SourcePartition) -> int | None:
        """Where an assigned partition ends, as of the last fetch; None before it."""
        try:
            end: Any = self.highwater(TP(source.topic, source.partition))
        except (AssertionError, IllegalStateError, ConsumerNotStarted):
            return None  # not assigned any more
        return None if end is None else int(end)

    def acknowledge(self, source: SourcePartition, next_offset: int) -> None:
        """Everything below the offset is stored; Kafka hears of it with the next commit."""
        tp = TP(source.topic, source.partition)
        self._stored[tp] = max(next_offset, self._stored.get(tp, 0))

    def _filter_tps_with_pending_acks(self, topics: Any = None) -> Iterator[TP]:
        assigned = self.assignment()
        wanted = [tp for tp in self._stored if topics is None or tp in topics or tp.topic in topics]
        return iter([tp for tp in wanted if tp in assigned])

    def _new_offset(self, tp: TP) -> int | None:
        """What Kafka should remember: how far the partition is stored, and not which events were acknowledged."""
        return self._stored.get(tp)

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """Holes between events mean nothing here."""


def failure(task: asyncio.Task[None]) -> BaseException | None:
    """Why a task that is done has not succeeded."""
    return asyncio.CancelledError() if task.cancelled() else task.exception()


class ProgressTransport(Transport):
    """The aiokafka transport with our consumer."""

    Consumer = ProgressConsumer


class SentiwatchApp(faust.App):
    """A Faust app whose partitions start where `on_assignment` says."""

    on_assignment: Assign
    consumer: ProgressConsumer
    ending = False

    def _new_transport(self) -> ProgressTransport:
        return ProgressTransport(self.conf.broker_consumer, self)

    async def stop_intake(self) -> None:
        """Read nothing more, and start nothing again; what was read goes on."""
        self.ending = True
        self.consumer.stop_flow()
        self.flow_control.suspend()
        await self.consumer.abandon_start()

    def is_current(self, message: ConsumerMessage) -> bool:
        """Whether a message was fetched after the last start of its partitions."""
        epoch: object = message.checksum
        return epoch == self.consumer.epoch


def make_app(settings: KafkaSettings, instance_id: str, on_assignment: Assign) -> SentiwatchApp:
    """The app, not started; its agents are added by `streams.runtime.agents`."""
    session = settings.session_timeout.total_seconds()
    app = SentiwatchApp(
        settings.group,
        broker=[f"kafka://{address.strip()}" for address in settings.bootstrap.split(",")],
        broker_credentials=credentials(settings),
        store="memory://",
        autodiscover=False,
        web_enabled=False,
        web_in_thread=False,
        table_standby_replicas=0,
        topic_disable_leader=True,
        topic_allow_declare=False,
        stream_wait_empty=False,
        stream_buffer_maxsize=WAITING_MESSAGES,
        broker_max_poll_records=FETCHED_RECORDS,
        broker_commit_interval=1.0,
        broker_session_timeout=session,
        broker_heartbeat_interval=session / 4,
        broker_request_timeout=max(40.0, session + 5),
        broker_max_poll_interval=MAX_POLL_SECONDS,
        consumer_auto_offset_reset="earliest",
        consumer_group_instance_id=instance_id,
        consumer_max_fetch_size=4 * 1024 * 1024,
        producer_linger=0.02,
    )
    app.on_assignment = on_assignment
    return app


def credentials(settings: KafkaSettings) -> faust.types.auth.CredentialsT | None:
    """SASL and TLS of the broker connection; TLS always gets an explicit context."""
    if settings.security_protocol == "PLAINTEXT":
        return None
    context = ssl_context(settings)
    if settings.security_protocol.startswith("SASL"):
        return faust.SASLCredentials(
            username=settings.sasl_username,
            password=settings.sasl_password.get_secret_value(),
            mechanism=settings.sasl_mechanism,
            ssl_context=context,
        )
    return faust.SSLCredentials(context=context)
