"""Fields of somebody's file → fields of `document.v1`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from streams.errors import Misconfigured
from streams.wire.document_v1 import FIELDS, VERSION

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

TARGETS: Final = tuple(name for name in FIELDS if name != "version")
ALIASES: Final = {"body": "content", "text": "content", "lang": "language", "ticker": "tickers"}
TIMES: Final = frozenset({"event_time", "source_time", "embargo_until"})

_NUMBER: Final = re.compile(r"\s*[+-]?[0-9]{1,18}(\.[0-9]{1,9})?\s*")
_BETWEEN_TICKERS: Final = re.compile(r"[,;|\s]+")


@dataclass(frozen=True, slots=True)
class FieldMapping:
    """Which field of a row becomes which of a document; ``source``, when set, is every row's.

    Values that mean the same in another type are converted: numbers as ids, numeric text as times, one ticker
    or a list of objects with a code, what CSV can only write as text. Blank text counts as absent.
    """

    fields: Mapping[str, str]
    source: str = ""

    def payload(self, row: Mapping[str, Any], stem: str) -> dict[str, Any]:
        """The `document.v1` object of a row; ``stem`` is the source when nothing else names one."""
        found: dict[str, Any] = {"version": VERSION, "source": stem}
        for target, name in self.fields.items():
            value = row.get(name)
            if value is None or (isinstance(value, str) and not value.strip()):
                continue
            convert = _CONVERSIONS.get(target)
            found[target] = value if convert is None else convert(value)
        if self.source:
            found["source"] = self.source
        return found


def parse_mapping(text: str | None, source: str = "") -> FieldMapping:
    """Of `id=id,body=content,event_time=datetime` (target=field); None: fields that bear our names already.

    Raises:
        Misconfigured: no pair, an unknown or repeated target, or nothing for what every document needs.
    """
    if text is None:
        return FieldMapping({target: target for target in TARGETS}, source)
    fields: dict[str, str] = {}
    for pair in filter(None, (part.strip() for part in text.split(","))):
        target, separator, name = (part.strip() for part in pair.partition("="))
        target = ALIASES.get(target, target)
        if not separator or not name:
            raise Misconfigured(f"--map: {pair!r} is not target=field")
        if target not in TARGETS:
            raise Misconfigured(f"--map: unknown target {target!r}; choose from {', '.join(TARGETS)}")
        if target in fields:
            raise Misconfigured(f"--map: {target} is given twice")
        fields[target] = name
    _require_the_necessary(fields)
    return FieldMapping(fields, source)


def _require_the_necessary(fields: Mapping[str, str]) -> None:
    lacking = [target for target in ("id", "event_time") if target not in fields]
    if not {"title", "content", "deleted"} & fields.keys():
        lacking.append("title or body")
    if lacking:
        raise Misconfigured(f"--map says nothing about {', '.join(lacking)}")


def _as_text(value: Any) -> Any:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _as_time(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    text = value.strip()
    if not _NUMBER.fullmatch(text):
        return text
    return float(text) if "." in text else int(text)


def _as_integer(value: Any) -> Any:
    text = value.strip() if isinstance(value, str) else ""
    return int(text) if text.isdecimal() and len(text) < 19 else value


def _as_flag(value: Any) -> Any:
    return _FLAGS.get(value.strip().lower(), value) if isinstance(value, str) else value


def _as_list(value: Any) -> Any:
    if isinstance(value, str):
        return [part for part in _BETWEEN_TICKERS.split(value) if part]
    if isinstance(value, list):
        return [_code(part) for part in value]
    return value


def _code(part: Any) -> Any:
    """`600519` of {"code": "600519", "name": …}, as Chinese flashes list their companies."""
    if not isinstance(part, dict):
        return part
    return next((part[name] for name in ("code", "symbol", "ticker") if name in part), part)


_FLAGS: Final = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
_CONVERSIONS: Final[dict[str, Callable[[Any], Any]]] = {
    "id": _as_text,
    "source": _as_text,
    "revision": _as_integer,
    "deleted": _as_flag,
    "tickers": _as_list,
    **dict.fromkeys(TIMES, _as_time),
}
