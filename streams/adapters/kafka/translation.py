"""The one place where aiokafka's exceptions become ours, and where its logger is kept quiet."""

from __future__ import annotations

import logging
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from aiokafka import errors as vendor

from streams.errors import Dependency, Misconfigured, Poisonous, SentiwatchError, Unavailable, UnknownTopic

if TYPE_CHECKING:
    from collections.abc import Iterator

_NEVER_BY_RETRYING = (
    vendor.AuthenticationFailedError,
    vendor.AuthenticationMethodNotSupported,
    vendor.ClusterAuthorizationFailedError,
    vendor.IllegalSaslStateError,
    vendor.InvalidConfigurationError,
    vendor.InvalidPartitionsError,
    vendor.InvalidReplicationFactorError,
    vendor.InvalidTimestampError,
    vendor.InvalidTopicError,
    vendor.PolicyViolationError,
    vendor.SaslAuthenticationFailed,
    vendor.TopicAuthorizationFailedError,
    vendor.UnsupportedSaslMechanismError,
    vendor.UnsupportedVersionError,
)
_TOO_LARGE = (vendor.MessageSizeTooLargeError, vendor.RecordListTooLargeError, vendor.RecordTooLargeError)


@contextmanager
def kafka_errors(doing: str) -> Iterator[None]:
    """What aiokafka raises inside, as one of our errors; ``doing`` says where, as in "kafka at host:port".

    Raises:
        Misconfigured: the broker refuses for good (log-in, rights, unknown topic, impossible setting).
        Poisonous: a record is larger than the broker takes.
        Unavailable: everything else; retrying is right.
    """
    try:
        yield
    except SentiwatchError:
        raise
    except vendor.UnknownTopicOrPartitionError as error:
        raise UnknownTopic(f"{doing}: {_told(error)}") from error
    except _NEVER_BY_RETRYING as error:
        raise Misconfigured(f"{doing}: {_told(error)}") from error
    except _TOO_LARGE as error:
        raise Poisonous(f"{doing}: {_told(error)}") from error
    except TimeoutError as error:
        raise Unavailable(f"{doing}: no answer in time", Dependency.KAFKA) from error
    except (vendor.KafkaError, vendor.IllegalOperation, OSError) as error:
        raise Unavailable(f"{doing}: {_told(error)}", Dependency.KAFKA) from error


def silence_driver() -> None:
    """For commands: aiokafka logs each refused connection for ever, and what matters is raised anyway."""
    _DRIVER.setLevel(logging.CRITICAL)


@contextmanager
def overheard() -> Iterator[list[str]]:
    """Keeps aiokafka's log to itself meanwhile; yields what it says, oldest first, at most a few lines."""
    heard = _Listener()
    _DRIVER.addHandler(heard)
    _quiet.enter()
    try:
        yield heard.lines
    finally:
        _quiet.leave()
        _DRIVER.removeHandler(heard)


class _Quiet:
    """Several clients may connect at once: the first one turns the log inwards, the last one back again."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._before = (logging.NOTSET, True)

    def enter(self) -> None:
        with self._lock:
            if self._inside == 0:
                self._before = (_DRIVER.level, _DRIVER.propagate)
                _DRIVER.setLevel(logging.WARNING)
                _DRIVER.propagate = False
            self._inside += 1

    def leave(self) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                _DRIVER.setLevel(self._before[0])
                _DRIVER.propagate = self._before[1]


_DRIVER = logging.getLogger("aiokafka")
_quiet = _Quiet()


class _Listener(logging.Handler):
    """Keeps the first few lines: the first one is the cause, the rest are its echoes."""

    MOST = 8

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if len(self.lines) < self.MOST:
            self.lines.append(_one_line(record.getMessage()))


def _told(error: BaseException) -> str:
    """The vendor's sentence on one line, or at least the kind of the error."""
    return _one_line(str(error)) or type(error).__name__


def _one_line(text: str) -> str:
    return " ".join(text.split())[:300]
