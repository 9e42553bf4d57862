"""The toy models' rule: what they answer follows from the text alone, so that a ledger can foretell it.

Copied beside the toy models into Triton's repository, where it is all they know: the standard library only.
"""

from __future__ import annotations

from hashlib import blake2b

SCALE = 10_000
TONES = {"plunges": 0, "暴跌": 0, "soars": 2, "大涨": 2}
"""Words that decide the sentiment, by label position; none of them: neutral."""
REFUSED = "unreadable"
"""Texts with this word are refused, as a model refuses what it cannot read."""
DEADLY = "mortal"
"""Texts with this word kill the process of the sentiment model."""
EXPLOSIVE = "detonates"
"""Texts with this word make a stage of the worker raise (`tests.chaos.worker`); the models never see them."""


def _number(*words: str) -> int:
    return int.from_bytes(blake2b("\x1f".join(words).encode(), digest_size=6).digest())


def sentiment(text: str, target: str) -> list[int]:
    """Ten-thousandths of negative, neutral, positive; they sum to `SCALE`."""
    top = next((tone for word, tone in TONES.items() if word in text), 1)
    number = _number("sentiment", text, target)
    largest = 6_000 + number % 3_000
    second = (SCALE - largest) * (number // 3_000 % 9) // 9
    rest = [second, SCALE - largest - second]
    return [largest if label == top else rest.pop() for label in range(3)]


def topic(text: str, labels: int) -> list[int]:
    """Ten-thousandths of each topic; they sum to `SCALE`."""
    number = _number("topic", text)
    top, largest = number % labels, 5_000 + number // labels % 4_000
    share, left = divmod(SCALE - largest, labels - 1)
    values = [share] * labels
    values[(top + 1) % labels] += left
    values[top] = largest
    return values


def is_refused(text: str) -> bool:
    return REFUSED in text


def is_deadly(text: str) -> bool:
    return DEADLY in text


def buried_for(text: str) -> str:
    """The reason for which a document with this text must be buried; empty for most."""
    if EXPLOSIVE in text:
        return "stage_failed"
    return "model_refused" if is_refused(text) or is_deadly(text) else ""
