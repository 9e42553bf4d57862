"""Start an aiokafka client, or say in one line and in time why that is impossible."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

from streams.adapters.kafka.translation import kafka_errors, overheard
from streams.errors import Dependency, Misconfigured, SentiwatchError, Unavailable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from streams.settings import KafkaSettings

CONNECT_SECONDS: Final = 10
"""A person waits for this one; the worker retries behind its own backoff."""

CLOSE_SECONDS: Final = 3
"""What matters was confirmed before; a broker that does not answer must not hold up our end."""

_LOG_IN_TROUBLE: Final = ("authentication", "credentials", "certificate", "ssl", "sasl")


class Client(Protocol):
    """What producer, consumer and admin client have in common."""

    async def start(self) -> None: ...


C = TypeVar("C", bound=Client)


def where(settings: KafkaSettings) -> str:
    """How messages call the broker."""
    return f"kafka at {settings.bootstrap}"


@asynccontextmanager
async def connected(
    make: Callable[[], C], close: Callable[[C], Awaitable[None]], settings: KafkaSettings
) -> AsyncIterator[C]:
    """The started client, closed afterwards, also when it did not get that far.

    Raises:
        Unavailable: nobody answers within ten seconds.
        Misconfigured: the broker answers and refuses us (log-in, certificate).
    """
    client = make()
    try:
        await _start(client, settings)
        yield client
    finally:
        await _close(close(client), settings)


async def _close(closing: Awaitable[None], settings: KafkaSettings) -> None:
    """For a while; an error that is on its way must not be hidden by a broker that does not answer."""
    task = asyncio.ensure_future(closing)
    await asyncio.wait({task}, timeout=CLOSE_SECONDS)
    if not task.cancel():
        with kafka_errors(where(settings)):
            task.result()


async def _start(client: Client, settings: KafkaSettings) -> None:
    with overheard() as heard:
        try:
            with kafka_errors(where(settings)):
                async with asyncio.timeout(CONNECT_SECONDS):
                    await client.start()
        except SentiwatchError as error:
            raise _plainly(error, heard, settings) from error


def _plainly(error: SentiwatchError, heard: list[str], settings: KafkaSettings) -> SentiwatchError:
    """The driver tells the cause to its log only and raises "unable to bootstrap": put it back together."""
    cause = heard[0] if heard else ""
    if any(word in cause.lower() for word in _LOG_IN_TROUBLE):
        return Misconfigured(f"{where(settings)} refuses the connection: {cause}")
    if isinstance(error, Unavailable):
        return Unavailable(
            f"{where(settings)} cannot be reached; is it running (`sentiwatch local status`), "
            "and is SENTIWATCH_KAFKA__BOOTSTRAP right?",
            Dependency.KAFKA,
        )
    return error
