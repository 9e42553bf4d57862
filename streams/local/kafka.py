"""Apache Kafka as one KRaft node from its own jars."""

from __future__ import annotations

import base64
import shutil
import signal
import subprocess
import uuid
from datetime import timedelta
from typing import TYPE_CHECKING

from streams.errors import Unavailable
from streams.local import readiness
from streams.local.processes import Launch, Ownership
from streams.local.programs import Toolbox, part_environment, require_kafka, resolve_jars
from streams.local.sockets import LOOPBACK

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from streams.local.layout import Layout
    from streams.local.processes import ProcessId

# Longest Java long: records of 2014 and records stamped with a future event time are both accepted.
ANY_TIME = 2**63 - 1

PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@{host}:{controller}
listeners=PLAINTEXT://{host}:{broker},CONTROLLER://{host}:{controller}
advertised.listeners=PLAINTEXT://{host}:{broker}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=PLAINTEXT
controller.listener.names=CONTROLLER
log.dirs={logs}
auto.create.topics.enable=false
num.network.threads=2
num.io.threads=4
# One node holds everything once.
default.replication.factor=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
# After a kill -9 the node waits for its own former session to expire before it may register again.
broker.session.timeout.ms=4000
broker.heartbeat.interval.ms=500
# Nobody else will join the first rebalance.
group.initial.rebalance.delay.ms=0
# Records carry their event time, years ago or ahead, and are never deleted for it.
log.message.timestamp.type=CreateTime
log.message.timestamp.before.max.ms={any_time}
log.message.timestamp.after.max.ms={any_time}
log.retention.ms=-1
log.retention.bytes=-1
message.max.bytes=4194304
replica.fetch.max.bytes=4194304
"""


class LocalKafka:
    """A broker and controller in one JVM on two loopback ports."""

    name: str = "kafka"
    port_names: tuple[str, ...] = ("broker", "controller")
    polite: signal.Signals = signal.SIGTERM
    grace = timedelta(seconds=20)

    def __init__(self, layout: Layout, mark: str, tools: Toolbox | None = None) -> None:
        self._layout = layout
        self._mark = mark
        self._tools = tools or Toolbox()
        self._directory = layout.data / "kafka"

    def require(self) -> None:
        resolve_jars(self._layout, require_kafka(self._layout, self._tools), self._tools)

    def prepare(self, ports: Mapping[str, int]) -> Launch:
        java = require_kafka(self._layout, self._tools)
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        properties = self._directory / "server.properties"
        logs = self._directory / "logs"
        values = {name: str(port) for name, port in ports.items()}
        properties.write_text(PROPERTIES.format(host=LOOPBACK, logs=logs, any_time=ANY_TIME, **values))
        if not (logs / "meta.properties").is_file():
            self._format(java, properties, logs)
        return Launch([*self._java(java), "kafka.Kafka", str(properties)], part_environment(self._mark))

    def settle(self, ports: Mapping[str, int]) -> None:
        """Nothing: topics come from `sentiwatch topics create`."""

    def check(self, ports: Mapping[str, int], limit: timedelta) -> None:
        readiness.round_trip(self.describe(ports)["bootstrap"], limit)

    def describe(self, ports: Mapping[str, int]) -> dict[str, str]:
        return {"bootstrap": f"{LOOPBACK}:{ports['broker']}"}

    def ownership(self, recorded: ProcessId | None) -> Ownership:
        return Ownership(self._mark, recorded)

    def sweep(self) -> None:
        """Nothing: the JVM keeps to its directory."""

    def purge(self) -> None:
        shutil.rmtree(self._directory, ignore_errors=True)

    def _java(self, java: Path) -> list[str]:
        logging = (self._layout.settings / "log4j2.properties").as_uri()
        # The first compiler only: half the CPU to ready (2.5 s instead of 4.4 s), and none taken later from
        # the worker and Triton; a broker mostly moves bytes.
        options = ["-Xms128m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
        return [str(java), *options, f"-Dlog4j2.configurationFile={logging}", "-cp", f"{self._layout.jars}/*"]

    def _format(self, java: Path, properties: Path, logs: Path) -> None:
        shutil.rmtree(logs, ignore_errors=True)  # what a start that was cut short left
        arguments = ["format", "-t", _cluster_id(), "-c", str(properties)]
        command = [*self._java(java), "kafka.tools.StorageTool", *arguments]
        environment = part_environment(self._mark)
        result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if result.returncode:
            said = (result.stderr or result.stdout or "no reason given").strip().splitlines()[-1]
            raise Unavailable(f"kafka: its log directory cannot be formatted: {said}")


def _cluster_id() -> str:
    """A random UUID as Kafka writes it: 22 characters of URL-safe base64, not starting with a dash."""
    while True:
        text = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        if not text.startswith("-"):
            return text
