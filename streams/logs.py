"""Log lines: for people, or one JSON object a line; secrets are masked in both, whatever put them there."""

from __future__ import annotations

import json
import logging
import re
import sys
from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from pydantic import BaseModel, SecretStr

from streams.masking import masked
from streams.telemetry import BURIED, STORED

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from streams.domain.batch import Batch
    from streams.settings import Settings

log = logging.getLogger(__name__)

CONSOLE = "%(asctime)s %(levelname)s %(name)s: %(message)s"
PASSWORD = re.compile(r"//[^/@:\s]*:([^@\s]+)@")
SHORTEST_SECRET = 6
"""Masking shorter ones would tear ordinary words apart."""
QUIET = {
    "faust": logging.ERROR,
    "mode": logging.ERROR,
    "alembic": logging.WARNING,
    "asyncio": logging.ERROR,
    "aiokafka": logging.CRITICAL,
}
# What every record has; anything else was given as `extra` and is part of a JSON line.
USUAL = frozenset(vars(logging.LogRecord("", 0, "", 0, "", (), None))) | {"message", "asctime", "taskName"}


def secrets_of(tree: BaseModel) -> Iterator[str]:
    """The values of all secrets in the settings, and the password within an address by itself."""
    for name in type(tree).model_fields:
        value = getattr(tree, name)
        if isinstance(value, BaseModel):
            yield from secrets_of(value)
        elif isinstance(value, SecretStr):
            secret = value.get_secret_value()
            found = PASSWORD.search(secret)
            in_address = found.group(1) if found else ""
            yield from (
                one for one in (secret, in_address, unquote(in_address)) if len(one) >= SHORTEST_SECRET
            )


class ConsoleLines(logging.Formatter):
    """For people."""

    def __init__(self, secrets: Collection[str] = ()) -> None:
        super().__init__(CONSOLE)
        self._secrets = tuple(secrets)

    def format(self, record: logging.LogRecord) -> str:
        return masked(super().format(record), self._secrets)


class JsonLines(logging.Formatter):
    """`time`, `level`, `logger`, `event`, what the event carries, and `error` with the traceback."""

    def __init__(self, secrets: Collection[str] = ()) -> None:
        super().__init__()
        self._secrets = (*secrets, *(json.dumps(secret, ensure_ascii=False)[1:-1] for secret in secrets))

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname,
            "logger": record.name,
            "event": record.getMessage(),
        }
        line |= {name: value for name, value in vars(record).items() if name not in USUAL}
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return masked(json.dumps(line, default=str, ensure_ascii=False), self._secrets)


def tell_stored(topic: str, batch: Batch, records: int) -> None:
    """A slice was committed: which documents, and which records became dead letters; never their content."""
    if log.isEnabledFor(logging.DEBUG):
        ids = [str(item.enriched.document.document_id) for item in batch.documents]
        log.debug(STORED, extra={"topic": topic, "records": records, "document_ids": ids})
    if batch.dead_letters:
        reasons = Counter(letter.reason for letter in batch.dead_letters)
        letters = [
            {
                "partition": letter.record.source.partition,
                "offset": letter.record.offset,
                "reason": letter.reason,
            }
            for letter in batch.dead_letters
        ]
        told = ", ".join(f"{reason} {count}" for reason, count in sorted(reasons.items()))
        log.info("%s in %s: %s", BURIED, topic, told, extra={"topic": topic, "letters": letters})


def set_up_logging(settings: Settings | None = None, level: str = "") -> None:
    """Our own lines on stderr, from the settings' level on or another; the libraries' only when something is wrong."""
    secrets = tuple(secrets_of(settings)) if settings else ()
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        JsonLines(secrets) if settings and settings.log_format == "json" else ConsoleLines(secrets)
    )
    logging.basicConfig(level=level or (settings.log_level if settings else "INFO"), handlers=[handler])
    for name, quiet in QUIET.items():
        logging.getLogger(name).setLevel(quiet)
