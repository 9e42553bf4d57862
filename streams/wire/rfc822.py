"""Dates as RSS writes them (RFC 822 with RFC 2822's years and zones), turned into what `streams.wire.times` reads."""

from __future__ import annotations

import re
from typing import Final

_DATE: Final = re.compile(
    r"\s*(?:[A-Za-z]{3,9}\s*,?\s+)?([0-9]{1,2})\s+([A-Za-z]{3})[a-z]*\s+([0-9]{4}|[0-9]{2})\s+"
    r"([0-9]{1,2}):([0-9]{2})(?::([0-9]{2}))?\s*(\(?[A-Za-z]{1,5}\)?|[+-][0-9]{2}:?[0-9]{2})\s*(?:\([^()]*\)\s*)?"
)
_MONTHS: Final = {
    name: number
    for number, name in enumerate(
        ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), start=1
    )
}
_ZONES: Final = {
    "z": "Z", "ut": "Z", "utc": "Z", "gmt": "Z", "est": "-05:00", "edt": "-04:00", "cst": "-06:00", "cdt": "-05:00",
    "mst": "-07:00", "mdt": "-06:00", "pst": "-08:00", "pdt": "-07:00",
}  # fmt: skip
_PIVOT: Final = 50
_LONGEST: Final = 64


def as_rfc3339(text: str) -> str:
    """The same instant in RFC 3339; what is no such date, or names no known zone, comes back as it is.

    CST is Chicago's, as RFC 822 defines it. A zone that is not in the RFC is not guessed.
    """
    found = _DATE.fullmatch(text) if len(text) <= _LONGEST else None
    if found is None:
        return text.strip()
    day, month, year, hour, minute, second, zone = found.groups()
    number = _MONTHS.get(month.lower())
    offset = zone if zone[0] in "+-" else _ZONES.get(zone.strip("()").lower())
    if number is None or offset is None:
        return text.strip()
    if len(year) == 2:
        year = f"{'20' if int(year) < _PIVOT else '19'}{year}"
    return f"{year}-{number:02}-{int(day):02}T{int(hour):02}:{minute}:{second or '00'}{offset}"
