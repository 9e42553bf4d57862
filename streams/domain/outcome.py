"""What a stage says of one item: kept, dropped on purpose, or rejected with a reason."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Generic, TypeVar

T = TypeVar("T")


class Reason(StrEnum):
    """Why a record became a dead letter. The values are part of the contract: `core.dead_letter.reason`."""

    NOT_UTF8 = "not_utf8"
    NOT_JSON = "not_json"
    NOT_AN_OBJECT = "not_an_object"
    UNKNOWN_VERSION = "unknown_version"
    MISSING_FIELD = "missing_field"
    WRONG_TYPE = "wrong_type"
    INVALID_VALUE = "invalid_value"
    MISSING_DATE = "missing_date"
    UNPARSEABLE_DATE = "unparseable_date"
    DATE_OUT_OF_RANGE = "date_out_of_range"
    FUTURE_DATE = "future_date"
    EMPTY_TEXT = "empty_text"
    TEXT_TOO_LONG = "text_too_long"
    NULL_BYTE = "null_byte"
    NOT_XML = "not_xml"
    UNSAFE_XML = "unsafe_xml"
    RECORD_TOO_LARGE = "record_too_large"
    EMPTY_RECORD = "empty_record"
    TOO_OLD = "too_old"
    MODEL_REFUSED = "model_refused"
    STAGE_FAILED = "stage_failed"


@dataclass(frozen=True, slots=True)
class Reject:
    """Bad data: goes to the dead letters with this reason; ``detail`` names the field, never its content."""

    reason: Reason
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Keep(Generic[T]):
    """Good data, on its way to the next stage."""

    value: T


@dataclass(frozen=True, slots=True)
class Drop:
    """Deliberately not stored (a heartbeat); still moves progress and, where it carries one, the watermark.

    ``event_time`` (aware, UTC) is how far the record moves its partition's watermark; None leaves it alone.
    """

    reason: str
    event_time: datetime | None = None
