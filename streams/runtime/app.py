"""Faust, set up so that its known traps do not apply, and a consumer that reads from our own progress.

Settings that avoid known hangs are explained in one place here; the cases behind them are regression tests.
"""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Any

import faust
import faust._cython.streams  # noqa: F401 - without it, messages of a stale generation are acknowledged unprocessed
from faust.transport.drivers.aiokafka import Consumer, Transport
from faust.types import TP

from streams.domain.document import SourcePartition

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from faust.types.tuples import ConsumerMessage

    from streams.settings import KafkaSettings

    Assign = Callable[[Sequence[SourcePartition]], Awaitable[Mapping[SourcePartition, int]]]

# A lane that waits for a dependency does not poll; that is no reason to be thrown out of the group.
MAX_POLL_SECONDS = 24 * 3600.0


class ProgressConsumer(Consumer):
    """Starts every assigned partition where `source_progress` says, and marks what was fetched before that.

    ``epoch`` counts the starts. A message fetched under an older epoch may still be on its way through Faust when reading
    starts again further back; taking it for the next record would skip everything between. The message's ``checksum`` slot
    (always None in today's record format) carries the epoch.
    """

    epoch = 0

    async def perform_seek(self) -> None:
        """Called by Faust after each assignment, in place of a seek to the committed offsets."""
        self.epoch += 1
        assigned = [SourcePartition(tp.topic, tp.partition) for tp in self.assignment()]
        offsets = await self.app.on_assignment(assigned)
        positions = {TP(source.topic, source.partition): offset for source, offset in offsets.items()}
        if positions:
            await self.seek_wait(positions)
        for tp, offset in positions.items():
            self._read_offset[tp] = offset or None
            self._committed_offset[tp] = offset or None
            self._acked[tp].clear()
            self._acked_index[tp].clear()

    def _to_message(self, tp: TP, record: Any) -> ConsumerMessage:
        message = super()._to_message(tp, record)
        message.checksum = self.epoch  # type: ignore[assignment]
        return message


class ProgressTransport(Transport):
    """The aiokafka transport with our consumer."""

    Consumer = ProgressConsumer


class SentiwatchApp(faust.App):  # type: ignore[misc]
    """A Faust app whose partitions start where `on_assignment` says."""

    on_assignment: Assign

    def _new_transport(self) -> ProgressTransport:
        return ProgressTransport(self.conf.broker_consumer, self)

    def is_current(self, message: ConsumerMessage) -> bool:
        """Whether a message was fetched after the last start of its partitions."""
        return bool(message.checksum == self.consumer.epoch)


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
        stream_buffer_maxsize=2048,
        stream_ack_exceptions=False,
        broker_max_poll_records=500,
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
    context = None
    if settings.security_protocol.endswith("SSL"):
        context = ssl.create_default_context(cafile=str(settings.ca_file) if settings.ca_file else None)
    if settings.security_protocol.startswith("SASL"):
        return faust.SASLCredentials(
            username=settings.sasl_username,
            password=settings.sasl_password.get_secret_value(),
            mechanism=settings.sasl_mechanism,
            ssl_context=context,
        )
    return faust.SSLCredentials(context=context)
