"""Reads the fields of a JSON object and remembers the first thing that is wrong with one.

A reader method always returns a usable value, so that a document is read from top to bottom like a list;
whoever reads looks at ``problem`` once, at the end. Details name fields and never repeat their content.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from streams.domain.outcome import Reason, Reject
from streams.wire.times import parse_time

if TYPE_CHECKING:
    from datetime import datetime

CONTROL_CHARACTERS = r"[\x00-\x1f\x7f]"
_CONTROL = re.compile(CONTROL_CHARACTERS)


class FieldReader:
    """One pass over one payload. A field that is JSON null counts as absent.

    Readers of nested objects (`object`, `objects`) tell their problems to the one they come from, with their path.
    """

    __slots__ = ("_path", "_payload", "_root", "problem")

    def __init__(self, payload: dict[str, Any], path: str = "", root: FieldReader | None = None) -> None:
        self._payload = payload
        self._path = path
        self._root = root
        self.problem: Reject | None = None

    def reject(self, reason: Reason, detail: str) -> None:
        """Keeps the first problem: one record, one reason."""
        if self._root is not None:
            self._root.reject(reason, f"{self._path}{detail}")
        elif self.problem is None:
            self.problem = Reject(reason, detail)

    def has(self, field: str) -> bool:
        """Whether the field is there and not null."""
        return self._payload.get(field) is not None

    def object(self, field: str) -> FieldReader:
        """A nested object; absent is empty."""
        value = self._payload.get(field)
        if value is not None and not isinstance(value, dict):
            self.reject(Reason.WRONG_TYPE, f"{field}: expected an object")
            value = None
        return FieldReader(value or {}, f"{self._path}{field}.", self._root or self)

    def objects(self, field: str) -> list[FieldReader]:
        """A list of nested objects; absent is empty."""
        values = self._payload.get(field)
        if values is None:
            return []
        if not isinstance(values, list) or not all(isinstance(value, dict) for value in values):
            self.reject(Reason.WRONG_TYPE, f"{field}: expected a list of objects")
            return []
        return [FieldReader(value, f"{self._path}{field}.", self._root or self) for value in values]

    def names(self, prefix: str) -> list[str]:
        """The fields whose names begin so."""
        return [name for name in self._payload if name.startswith(prefix)]

    def raw(self, field: str) -> Any:
        """The value as it is; null is absent."""
        return self._payload.get(field)

    def identifier(self, field: str) -> str | None:
        """An optional id: text, or a whole number as its digits."""
        value = self._payload.get(field)
        if value is None or isinstance(value, str):
            return value
        if isinstance(value, bool) or not isinstance(value, int):
            self.reject(Reason.WRONG_TYPE, f"{field}: expected text or a whole number")
            return None
        return str(value)

    def name(self, field: str, longest: int) -> str:
        """A required identifier, kept as it is: 1 to ``longest`` characters, not blank, no controls."""
        value = self._payload.get(field)
        if value is None:
            self.reject(Reason.MISSING_FIELD, field)
        elif not isinstance(value, str):
            self.reject(Reason.WRONG_TYPE, f"{field}: expected text")
        elif not value.strip():
            self.reject(Reason.MISSING_FIELD, f"{field}: blank")
        elif len(value) > longest:
            self.reject(Reason.INVALID_VALUE, f"{field}: longer than {longest} characters")
        elif _CONTROL.search(value):
            self.reject(Reason.INVALID_VALUE, f"{field}: control character")
        else:
            return value
        return ""

    def text(self, field: str, longest: int | None = None) -> str:
        """An optional text; absent is empty."""
        value = self._payload.get(field)
        if value is None:
            return ""
        if not isinstance(value, str):
            self.reject(Reason.WRONG_TYPE, f"{field}: expected text")
        elif longest is not None and len(value) > longest:
            self.reject(Reason.INVALID_VALUE, f"{field}: longer than {longest} characters")
        else:
            return value
        return ""

    def flag(self, field: str) -> bool:
        """An optional boolean; 0 and 1 are none."""
        value = self._payload.get(field)
        if value is None:
            return False
        if not isinstance(value, bool):
            self.reject(Reason.WRONG_TYPE, f"{field}: expected true or false")
            return False
        return value

    def count(self, field: str, largest: int) -> int:
        """An optional integer from 0 to ``largest``; as in JSON Schema 3.0 is an integer and true is none."""
        value = self._payload.get(field)
        if value is None:
            return 0
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            self.reject(Reason.WRONG_TYPE, f"{field}: expected an integer")
        elif not 0 <= value <= largest:
            self.reject(Reason.INVALID_VALUE, f"{field}: not within 0 and {largest}")
        elif int(value) != value:
            self.reject(Reason.WRONG_TYPE, f"{field}: expected an integer")
        else:
            return int(value)
        return 0

    def texts(self, field: str, most: int, longest: int) -> tuple[str, ...]:
        """An optional list of short texts, stripped, without blanks and repeats, in their order."""
        values = self._payload.get(field)
        if values is None:
            return ()
        if not isinstance(values, list):
            self.reject(Reason.WRONG_TYPE, f"{field}: expected a list")
            return ()
        if len(values) > most:
            self.reject(Reason.INVALID_VALUE, f"{field}: more than {most}")
            return ()
        for value in values:
            if not isinstance(value, str):
                self.reject(Reason.WRONG_TYPE, f"{field}: expected texts")
                return ()
            if len(value) > longest:
                self.reject(Reason.INVALID_VALUE, f"{field}: one is longer than {longest} characters")
                return ()
        return tuple(dict.fromkeys(stripped for value in values if (stripped := value.strip())))

    def time(self, field: str, absent: datetime) -> datetime:
        """A required time: ``absent`` is only a placeholder when it is not there or wrong."""
        outcome = parse_time(self._payload.get(field), field)
        if isinstance(outcome, Reject):
            self.reject(outcome.reason, outcome.detail)
            return absent
        return outcome

    def optional_time(self, field: str) -> datetime | None:
        """An optional time; blank text is not absent but wrong."""
        value = self._payload.get(field)
        if value is None:
            return None
        outcome = parse_time(value, field)
        if isinstance(outcome, Reject):
            self.reject(outcome.reason, outcome.detail)
            return None
        return outcome
