"""The real checks: a record written and read back, an inference on every model, a query.

The only module of the launcher that imports clients, each inside its function: a start pays for what it uses.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Any

from streams.errors import Misconfigured, Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import timedelta

PROBE_TOPIC = "sentiwatch-probe"
PROBE_TEXT = b"Shares rose after the company reported quarterly results."


def metadata(bootstrap: str, limit: timedelta) -> None:
    """A broker answers a metadata request. For brokers that are not ours: nothing is written there.

    Raises:
        Unavailable: nobody answers in time.
    """
    with _kafka_errors(bootstrap):
        asyncio.run(asyncio.wait_for(_metadata(bootstrap), limit.total_seconds()))


def round_trip(bootstrap: str, limit: timedelta) -> None:
    """Metadata, then one record written to a probe topic (made when missing) and read back.

    Raises:
        Unavailable: it did not work within ``limit``.
    """
    with _kafka_errors(bootstrap):
        asyncio.run(asyncio.wait_for(_round_trip(bootstrap), limit.total_seconds()))


def infer_on_every_model(url: str, limit: timedelta) -> None:
    """One synthetic inference on each model of the repository (health stays green when a stub is dead).

    Raises:
        Unavailable: the server or a model does not answer.
        Misconfigured: a model cannot be loaded, or there is none.
    """
    from tritonclient import grpc  # noqa: PLC0415 - see the module's docstring
    from tritonclient.utils import InferenceServerException  # noqa: PLC0415

    seconds = limit.total_seconds()
    client = grpc.InferenceServerClient(url)
    try:
        if not client.is_server_live(client_timeout=seconds):
            raise Unavailable(f"triton at {url} is not live")
        for model in _models(client, url, seconds):
            client.infer(model, _synthetic(grpc, client.get_model_metadata(model)), client_timeout=seconds)
    except InferenceServerException as error:
        raise Unavailable(f"triton at {url}: {error.message()}") from error
    finally:
        client.close()


def query(url: str, limit: timedelta) -> None:
    """Log in and ask for a row.

    Raises:
        Unavailable: no answer within ``limit``, or the log-in is refused.
    """
    import psycopg  # noqa: PLC0415 - see the module's docstring

    try:
        with psycopg.connect(url, connect_timeout=max(2, int(limit.total_seconds()))) as connection:
            connection.execute("SELECT 1")
    except psycopg.Error as error:
        raise Unavailable(f"postgres: {_first_line(error)}") from error


def ensure_roles(url: str, database: str, owner: str, reader: str, passwords: Mapping[str, str]) -> None:
    """Roles with these passwords, and the database of ``owner``. Idempotent.

    ``reader`` is made by ``owner``, so that migrations may grant to it and alter it without a superuser.

    Raises:
        Unavailable: the server refuses.
    """
    import psycopg  # noqa: PLC0415 - see the module's docstring

    try:
        with psycopg.connect(url, autocommit=True) as connection:
            _ensure_role(connection, owner, passwords[owner], "CREATEDB CREATEROLE")
            connection.execute(_sql("SET ROLE {}", owner))
            _ensure_role(connection, reader, passwords[reader], "")
            known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [database]).fetchone()
            if known is None:
                connection.execute(_sql("CREATE DATABASE {}", database))
    except psycopg.Error as error:
        raise Unavailable(f"postgres: {_first_line(error)}") from error


def _ensure_role(connection: Any, role: str, password: str, rights: str) -> None:
    from psycopg import sql  # noqa: PLC0415 - see the module's docstring

    known = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchone()
    verb = "ALTER" if known else "CREATE"
    statement = sql.SQL(f"{verb} ROLE {{}} LOGIN {rights} PASSWORD {{}}")
    connection.execute(statement.format(sql.Identifier(role), sql.Literal(password)))


def _sql(template: str, name: str) -> Any:
    from psycopg import sql  # noqa: PLC0415 - see the module's docstring

    return sql.SQL(template).format(sql.Identifier(name))


@contextlib.contextmanager
def _kafka_errors(bootstrap: str) -> Iterator[None]:
    from aiokafka.errors import KafkaError  # noqa: PLC0415 - see the module's docstring

    loud = logging.getLogger("aiokafka")
    level = loud.level
    loud.setLevel(logging.CRITICAL)  # it reports every refused connection while the broker starts
    try:
        yield
    except (KafkaError, OSError, TimeoutError) as error:
        raise Unavailable(f"kafka at {bootstrap}: {_first_line(error)}") from error
    finally:
        loud.setLevel(level)


async def _metadata(bootstrap: str) -> None:
    from aiokafka.admin import AIOKafkaAdminClient  # noqa: PLC0415 - see the module's docstring

    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, request_timeout_ms=5000)
    try:
        await admin.start()
        await admin.list_topics()
    finally:
        await admin.close()


async def _round_trip(bootstrap: str) -> None:
    from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition  # noqa: PLC0415

    await _ensure_probe_topic(bootstrap)
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all") as producer:
        written = await producer.send_and_wait(PROBE_TOPIC, PROBE_TEXT, partition=0)
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False)
    async with consumer:
        place = TopicPartition(PROBE_TOPIC, 0)
        consumer.assign([place])
        consumer.seek(place, written.offset)
        record = await consumer.getone()
    if record.value != PROBE_TEXT:
        raise Unavailable(f"kafka at {bootstrap} returned another record than was written")


async def _ensure_probe_topic(bootstrap: str) -> None:
    from aiokafka.admin import AIOKafkaAdminClient, NewTopic  # noqa: PLC0415 - see the module's docstring

    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, request_timeout_ms=5000)
    try:
        await admin.start()
        if PROBE_TOPIC not in await admin.list_topics():
            kept = {"retention.ms": "3600000"}
            await admin.create_topics([NewTopic(PROBE_TOPIC, 1, 1, topic_configs=kept)])
    finally:
        await admin.close()


def _models(client: Any, url: str, seconds: float) -> list[str]:
    index = client.get_model_repository_index(client_timeout=seconds).models
    if not index:
        raise Misconfigured(f"triton at {url} has no models: `sentiwatch model export` makes them")
    for entry in index:
        if entry.state == "UNAVAILABLE":
            reason = " ".join(entry.reason.split())[:300]
            raise Misconfigured(f"triton cannot load the model {entry.name}: {reason}")
        if entry.state != "READY":
            raise Unavailable(f"triton is loading the model {entry.name}")
    return sorted({entry.name for entry in index})


def _synthetic(grpc: Any, described: Any) -> list[Any]:
    """Inputs of the declared types; open dimensions are one long."""
    import numpy as np  # noqa: PLC0415 - see the module's docstring
    from tritonclient.utils import triton_to_np_dtype  # noqa: PLC0415

    inputs = []
    for tensor in described.inputs:
        shape = [size if size > 0 else 1 for size in tensor.shape]
        kind = triton_to_np_dtype(tensor.datatype)
        values = np.full(shape, PROBE_TEXT, kind) if tensor.datatype == "BYTES" else np.zeros(shape, kind)
        filled = grpc.InferInput(tensor.name, shape, tensor.datatype)
        filled.set_data_from_numpy(values)
        inputs.append(filled)
    return inputs


def _first_line(error: BaseException) -> str:
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0]
