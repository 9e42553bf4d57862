"""Dead letters on the real parts: buried once, shown masked, replayed once, linked to their first failure, dropped."""

from __future__ import annotations

import asyncio
import json
import subprocess
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from streams.adapters.kafka.admin import OffsetSpan, end_offsets
from streams.adapters.kafka.history import HistoryReader
from streams.adapters.kafka.producer import KafkaProducer
from streams.adapters.postgres.connection import Database
from streams.adapters.postgres.dead_letters import DeadLetters, open_letters
from streams.deadletters.replaying import Replayer
from streams.domain.dead_letter import Place, Wanted
from streams.domain.document import SourcePartition
from streams.wire.outgoing import Outgoing

if TYPE_CHECKING:
    from tests.service import Deployment

pytestmark = pytest.mark.e2e

RUN = "letters"
TOPIC = "news.raw.v1"
AT = datetime(2026, 3, 2, 12, tzinfo=UTC)
STRICT = {"SENTIWATCH_LIMITS__TEXT_CHARS": "200"}


def record(number, content, **fields):
    payload = {
        "version": "document.v1",
        "id": f"letter-{number}",
        "source": "careless",
        "event_time": (AT + timedelta(minutes=number)).isoformat(),
        "content": content,
        **fields,
    }
    stamp = int((AT + timedelta(minutes=number + 1)).timestamp() * 1000)
    headers = (("trace", b"\xff\x00"), ("x-api-key", b"SECRETheader"))
    return Outgoing(
        TOPIC, json.dumps(payload).encode(), f"letter-{number}".encode(), stamp, headers, number % 4
    )


def letters(deployment: Deployment, *options: str):
    return json.loads(deployment.command(RUN, "dlq", "list", "--run", RUN, "--json", *options))


def act(deployment: Deployment, verb: str, *options: str):
    return json.loads(
        deployment.command(RUN, "dlq", verb, "--run", RUN, "--json", "--by", "tester", *options)
    )


def drain(deployment: Deployment, **changes: str):
    code, out, err = deployment.finish(deployment.start(RUN, "--drain", "--json", **changes))
    assert code == 0, err
    return json.loads(out)


def test_a_letter_is_replayed_after_the_fix_and_what_fails_again_is_linked_to_its_first_failure(
    fresh: Deployment,
):
    long = record(1, "Acme warns. " * 30)
    huge = record(2, "Acme sees less. " * 6_000)
    broken = Outgoing(
        TOPIC, b'{"user": "SECRET", "token": "SECRET" RT @SECRET: \x1b[31m', b"k", long.timestamp_ms, (), 3
    )
    fresh.publish([long, huge, broken, record(4, "Acme is fine.")])
    assert drain(fresh, **STRICT)["dead_letters"] == 3
    assert sorted(row["reason"] for row in letters(fresh)) == ["not_json", "text_too_long", "text_too_long"]

    broken_place = letters(fresh, "--reason", "not_json")[0]["place"]
    told = fresh.command(RUN, "dlq", "show", "--run", RUN, broken_place)
    assert "SECRET" not in told
    assert "\x1b" not in told
    headers = fresh.command(
        RUN, "dlq", "show", "--run", RUN, letters(fresh, "--reason", "text_too_long")[0]["place"]
    )
    assert "trace" in headers
    assert "SECRET" not in headers

    outcome = act(fresh, "replay", "--all", "--note", "the limit was too low")
    assert (len(outcome["published"]), outcome["refused"]) == (3, {})
    assert letters(fresh) == []
    assert act(fresh, "replay", "--all")["published"] == []
    assert drain(fresh)["dead_letters"] == 1

    by_status = {row["place"]: row for row in letters(fresh, "--status", "all")}
    assert sorted(row["status"] for row in by_status.values()) == ["open", "replayed", "resolved", "resolved"]
    again = next(row for row in by_status.values() if row["status"] == "open")
    first = by_status[again["first_failure"]]
    assert (again["reason"], first["reason"], first["copy"]) == ("not_json", "not_json", again["place"])
    documents = fresh.rows("SELECT source_id, length(content) FROM core.document WHERE run_id = %(run)s", RUN)
    assert dict(documents)["letter-2"] == 95_999
    assert sorted(dict(documents)) == ["letter-1", "letter-2", "letter-4"]

    act(fresh, "replay", again["place"])
    drain(fresh)
    third = letters(fresh)[0]
    assert third["first_failure"] == first["place"]
    assert act(fresh, "drop", third["place"], "--note", "a test page") == [third["place"]]
    dropped = json.loads(fresh.command(RUN, "dlq", "show", "--run", RUN, "--json", third["place"]))
    assert dropped["status"] == "dropped"
    assert [(event["kind"], event["by"], event["note"]) for event in dropped["history"]] == [
        ("dropped", "tester", "a test page")
    ]
    assert {row["status"] for row in letters(fresh, "--status", "all")} == {"resolved", "dropped"}
    counts = fresh.rows(
        "SELECT reason, letters, resolved, dropped, failed_again FROM bi_v1.dead_letter_counts"
        " WHERE run = 'letters' AND %(run)s > 0 ORDER BY 1",
        RUN,
    )
    assert counts == [("not_json", 3, 0, 3, 2), ("text_too_long", 2, 2, 0, 0)]


@pytest.fixture
def fresh(deployment: Deployment) -> Deployment:
    """With a run that starts where the topics end now."""
    deployment.add_run(RUN)
    return deployment


class CutOff(Exception):
    """As if the process ended there."""


class Dying(DeadLetters):
    """Ends before it notes that something was published."""

    async def note(self, events):
        if any(event.kind == "replayed" for event in events):
            raise CutOff
        await super().note(events)


def test_a_replay_cut_off_after_publishing_publishes_nothing_twice(fresh: Deployment):
    fresh.publish([Outgoing(TOPIC, b"no json", b"k", int(AT.timestamp() * 1000), (), 0)])
    drain(fresh)
    place = Place.parse(letters(fresh)[0]["place"])

    async def attempt(kind):
        database = Database(fresh.url, 3)
        await database.open()
        try:
            found = await open_letters(database, RUN)
            async with KafkaProducer.connect(fresh.kafka) as producer:
                replayer = Replayer(kind(database, found._run), producer, fresh.kafka, "tester")
                return await replayer.replay(Wanted(run=RUN))
        finally:
            await database.close()

    with pytest.raises(CutOff):
        asyncio.run(attempt(Dying))
    outcome = asyncio.run(attempt(DeadLetters))
    assert (outcome.published, outcome.found_published) == ([], [place])
    assert copies(fresh, place) == 1
    assert drain(fresh)["dead_letters"] == 1


def copies(deployment: Deployment, place: Place) -> int:
    """Records in Kafka that say they are copies of the one at this place."""

    async def count() -> int:
        source = SourcePartition(place.topic, place.partition)
        end = (await end_offsets(deployment.kafka, [place.topic]))[source]
        found = 0
        async with HistoryReader.connect(deployment.kafka) as reader:
            reader.start({source: OffsetSpan(place.offset, end)})
            while not await reader.at_end():
                found += sum(
                    dict(r.headers).get("sentiwatch-replay-of") == str(place).encode()
                    for r in await reader.fetch()
                )
        return found

    return asyncio.run(count())


def test_a_replay_cut_off_before_publishing_is_open_again(fresh: Deployment):
    fresh.publish([Outgoing(TOPIC, b"no json", b"k", int(AT.timestamp() * 1000), (), 0)])
    drain(fresh)

    async def begin() -> None:
        database = Database(fresh.url, 3)
        await database.open()
        try:
            found = await open_letters(database, RUN)
            async with KafkaProducer.connect(fresh.kafka) as producer:
                replayer = Replayer(found, producer, fresh.kafka, "tester")
                letter = (await found.find(Wanted(run=RUN)))[0]
                await found.note([replayer._intent(letter, await end_offsets(fresh.kafka, [TOPIC]))])
        finally:
            await database.close()

    asyncio.run(begin())
    assert letters(fresh) == []
    assert len(act(fresh, "replay", "--all")["published"]) == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ("replay",),
        ("drop", "--note", "x"),
        ("drop", "--all", "--note", " "),
        ("list", "--reason", "bad"),
        ("show", "x"),
    ],
)
def test_wrong_usage_ends_with_2(fresh: Deployment, arguments):
    with pytest.raises(subprocess.CalledProcessError) as caught:
        fresh.command(RUN, "dlq", *arguments)
    assert caught.value.returncode == 2
