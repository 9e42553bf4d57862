"""A stage that raises on some documents."""

from __future__ import annotations

from typing import Any

from tests.chaos.rule import EXPLOSIVE


class ExplosiveMatcher:
    """An entity matcher that cannot bear some documents."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def find(self, title: str, body: str, *rest: Any) -> Any:
        if EXPLOSIVE in body:
            raise ValueError("a stage that cannot bear this document")
        return self._inner.find(title, body, *rest)
