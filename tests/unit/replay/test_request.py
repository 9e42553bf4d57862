from __future__ import annotations

import shlex
from datetime import UTC, datetime

import pytest

from streams.domain.document import SourcePartition
from streams.errors import Misconfigured
from streams.replay.pace import Share
from streams.replay.request import Request

REQUEST = Request(
    name="june what-if",
    since=datetime(2026, 6, 1, tzinfo=UTC),
    topics=("news.raw.v1",),
    files=("a b.jsonl", "c.csv"),
    mapping="id=id,content=text",
    changes=("detector.count_p=1e-8",),
    rescore="sentiment-2",
    digests=("0", "1"),
)


def test_a_request_survives_its_storage():
    assert Request.of({**REQUEST.as_json(), "offsets": {"news.raw.v1/0": [0, 9]}}) == REQUEST


def test_the_command_asks_for_the_same_again():
    words = shlex.split(REQUEST.command)
    assert words[:4] == ["sentiwatch", "replay", "--run", "june what-if"]
    assert [words[place + 1] for place, word in enumerate(words) if word == "--file"] == [
        "a b.jsonl",
        "c.csv",
    ]
    assert words[words.index("--from") + 1] == "2026-06-01T00:00:00+00:00"
    assert "--detect-only" not in words


def test_a_run_begun_as_something_else_does_not_go_on():
    REQUEST.check_same({})
    REQUEST.check_same(REQUEST.as_json())
    with pytest.raises(Misconfigured, match="was begun with `sentiwatch replay"):
        REQUEST.check_same({**REQUEST.as_json(), "changes": []})


def test_shares_split_the_partitions_without_rest_or_overlap():
    partitions = [SourcePartition(topic, number) for topic in ("news", "social") for number in range(4)]
    picked = [source for number in (1, 2, 3) for source in Share.parse(f"{number}/3").pick(partitions)]
    assert sorted(picked) == sorted(partitions)
    assert Share.parse("").pick(partitions) == sorted(partitions)


@pytest.mark.parametrize("text", ["0/2", "3/2", "1", "a/b", "1/"])
def test_a_share_that_does_not_exist_is_refused(text: str):
    with pytest.raises(Misconfigured, match="--share"):
        Share.parse(text)
