"""A message of X's API v2: a post with what it refers to, or the compliance notice that one is gone.

Asked for with tweet.fields=created_at,author_id,lang,entities,referenced_tweets,note_tweet and
expansions=referenced_tweets.id,referenced_tweets.id.author_id.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from streams.wire.document_v1 import TICKERS
from streams.wire.fields import FieldReader

if TYPE_CHECKING:
    from streams.domain.outcome import Reject

SOURCE: Final = "x"
WITHDRAWALS: Final = ("delete", "drop")


def looks_like(payload: dict[str, Any]) -> bool:
    """`data` is one object that is a post or a withdrawal."""
    data = payload.get("data")
    return isinstance(data, dict) and ("text" in data or any(kind in data for kind in WITHDRAWALS))


def translate(payload: dict[str, Any]) -> dict[str, Any] | Reject:
    """Fields of `document.v1`. Edits have ids of their own: the first of them names the document in all versions.

    An author is known by id, not by handle: handles change, and withdrawals name ids. Versions are ordered by their
    time alone, since a withdrawal has no number.
    """
    message = FieldReader(payload)
    data = message.object("data")
    found = _withdrawal(data) if not data.has("text") else _post(data, message.object("includes"))
    return message.problem or found


def _withdrawal(data: FieldReader) -> dict[str, Any]:
    notice = data.object(next((kind for kind in WITHDRAWALS if data.has(kind)), WITHDRAWALS[0]))
    tweet = notice.object("tweet")
    return {
        "id": tweet.identifier("id"),
        "source": SOURCE,
        "event_time": notice.raw("event_at"),
        "deleted": True,
        "author": tweet.identifier("author_id"),
    }


def _post(data: FieldReader, includes: FieldReader) -> dict[str, Any]:
    post_id = data.identifier("id")
    history = data.texts("edit_history_tweet_ids", 64, 64)
    return {
        "id": history[0] if history else post_id,
        "source": SOURCE,
        "event_time": data.raw("created_at"),
        "content": _reposted(data, includes) or _words(data),
        "author": data.identifier("author_id"),
        "language": data.text("lang") or None,
        "tickers": _cashtags(data),
        "url": f"https://x.com/i/status/{post_id}" if post_id else None,
    }


def _words(post: FieldReader) -> str:
    """A post of more than 280 characters has its whole text in `note_tweet`."""
    return post.object("note_tweet").text("text") or post.text("text")


def _cashtags(post: FieldReader) -> list[str]:
    tags = (tag.text("tag") for tag in post.object("entities").objects("cashtags"))
    return [tag for tag in tags if tag][:TICKERS]


def _reposted(data: FieldReader, includes: FieldReader) -> str:
    """`RT @origin: …` with the whole original, which a repost's own text cuts off; empty where it is no repost or not sent.

    The origin counts as the source of a repost whose author is unknown, so it has to stay readable.
    """
    wanted = [
        item.text("id") for item in data.objects("referenced_tweets") if item.text("type") == "retweeted"
    ]
    if not wanted:
        return ""
    original = next((post for post in includes.objects("tweets") if post.identifier("id") in wanted), None)
    if original is None:
        return ""
    author = original.identifier("author_id")
    users = (user for user in includes.objects("users") if user.identifier("id") == author)
    handle = next((user.text("username") for user in users), "")
    prefix = f"RT @{handle}: " if handle else data.text("text").partition(": ")[0] + ": "
    return prefix + _words(original)
