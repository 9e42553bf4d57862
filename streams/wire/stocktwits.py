"""A StockTwits message, as its API lists them: one message a record."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from streams.wire.document_v1 import TICKERS
from streams.wire.fields import FieldReader

if TYPE_CHECKING:
    from streams.domain.outcome import Reject

SOURCE: Final = "stocktwits"


def looks_like(payload: dict[str, Any]) -> bool:
    """A body with a user or symbols beside it."""
    return "body" in payload and ("user" in payload or "symbols" in payload)


def translate(payload: dict[str, Any]) -> dict[str, Any] | Reject:
    """Fields of `document.v1`. The writer's own bullish or bearish mark is not used: what he writes is read."""
    message = FieldReader(payload)
    source_id = message.identifier("id")
    user = message.object("user")
    username = user.text("username")
    found = {
        "id": source_id,
        "source": SOURCE,
        "event_time": message.raw("created_at"),
        "content": _body(message),
        "author": username or user.identifier("id"),
        "tickers": [text for item in message.objects("symbols") if (text := item.text("symbol"))][:TICKERS],
        "url": f"https://stocktwits.com/{username}/message/{source_id}" if username and source_id else None,
    }
    return message.problem or found


def _body(message: FieldReader) -> str:
    """The message's own words; of a bare reshare the original's, with its writer as posts on X name him."""
    body = message.text("body")
    original = message.object("reshare_message").object("message")
    origin, words = original.object("user").text("username"), original.text("body")
    return body if body.strip() or not words else f"RT @{origin}: {words}"
