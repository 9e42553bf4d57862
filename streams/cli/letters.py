"""Which dead letters are meant: the options that the commands of `sentiwatch dlq` share."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from streams.domain.dead_letter import Wanted

Run = Annotated[str, typer.Option("--run", help="The run to look at.")]
Reasons = Annotated[list[str] | None, typer.Option("--reason", help="Only of this reason; repeatable.")]
Topics = Annotated[list[str] | None, typer.Option("--topic", help="Only of this topic; repeatable.")]
Since = Annotated[str, typer.Option(help="Kafka timestamp, RFC 3339: from then on.", metavar="TIME")]
Until = Annotated[str, typer.Option(help="Kafka timestamp, RFC 3339: before it.", metavar="TIME")]
Source = Annotated[str, typer.Option("--source", help="Only records that name this source.")]
Places = Annotated[
    list[str] | None, typer.Argument(help="Places: topic-partition-offset", metavar="[PLACE]...")
]
Limit = Annotated[int | None, typer.Option("--limit", min=1, help="At most so many.")]
Everything = Annotated[bool, typer.Option("--all", help="Every open letter of the run.")]
By = Annotated[str, typer.Option("--by", help="Who does it; default: the login.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def wanted_letters(
    places: list[str] | None,
    reasons: list[str] | None = None,
    topics: list[str] | None = None,
    span: tuple[str, str] = ("", ""),
    source: str = "",
    limit: int | None = None,
    run: str = "live",
    statuses: tuple[str, ...] = (),
) -> Wanted:
    """What the options say.

    Raises:
        typer.BadParameter: a place, a reason or a time is none.
    """
    from streams.domain.dead_letter import Place, Wanted
    from streams.domain.outcome import Reason

    parsed = [Place.parse(text) for text in places or ()]
    if None in parsed:
        raise typer.BadParameter("a place is topic-partition-offset, e.g. news.raw.v1-0-17")
    known = {each.value for each in Reason}
    if unknown := sorted(set(reasons or ()) - known):
        raise typer.BadParameter(f"--reason {unknown[0]}: choose from {', '.join(sorted(known))}")
    return Wanted(
        run=run,
        reasons=tuple(reasons or ()),
        topics=tuple(topics or ()),
        statuses=statuses,
        since=_time("--since", span[0]),
        until=_time("--until", span[1]),
        naming=source,
        places=tuple(place for place in parsed if place is not None),
        limit=limit,
    )


def _time(option: str, text: str) -> datetime | None:
    from streams.wire.times import parse_time

    if not text:
        return None
    found = parse_time(text, option)
    if not isinstance(found, datetime):
        raise typer.BadParameter(f"{option}: expected RFC 3339 with an offset, e.g. 2026-06-01T00:00:00Z")
    return found


def require_choice(wanted: Wanted, *, everything: bool) -> None:
    """Nothing is done to all letters by leaving the options out.

    Raises:
        typer.BadParameter: neither a filter nor --all is given.
    """
    given = (wanted.reasons, wanted.topics, wanted.since, wanted.until, wanted.naming, wanted.places)
    if not everything and not any(given):
        raise typer.BadParameter("say which letters are meant, or --all")
