"""Files of other formats become the records that they hold, as they are, stamped with their own time."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime
from importlib.resources import files

import pytest

from streams.domain.document import RawRecord, SourceClass, SourcePartition
from streams.domain.outcome import Keep, Reason, Reject
from streams.errors import Misconfigured
from streams.ingest.verbatim import Verbatim
from streams.stages.read_record import read_record
from streams.wire.formats import BY_NAME
from streams.wire.limits import InputLimits

EXAMPLES = files("streams.wire") / "examples"


def made(name, path):
    return list(Verbatim(BY_NAME[name], SourceClass.NEWS, InputLimits()).made(path, lambda _: None))


def one_line(name):
    return b" ".join((EXAMPLES / name).read_bytes().splitlines())


def test_lines_of_ninjs_are_published_as_they_are_and_stamped_with_their_version(tmp_path):
    path = tmp_path / "wire.jsonl.gz"
    path.write_bytes(gzip.compress(one_line("ninjs_1.json") + b"\n\n{}\n" + one_line("ninjs_3.json")))
    (_, first), (line, bad), (_, last) = made("ninjs", path)
    assert first == (
        datetime(2026, 6, 1, 9, 42, tzinfo=UTC),
        b"urn:newsml:wire.example:20260601:acme-outlook",
        one_line("ninjs_1.json"),
    )
    assert (line, bad.reason) == (3, Reason.UNKNOWN_VERSION)
    assert last[0] == datetime(2026, 6, 1, 9, 50, tzinfo=UTC)


def test_rows_of_gkg_are_records(tmp_path):
    path = tmp_path / "20260601093000.gkg.csv"
    path.write_bytes(
        (EXAMPLES / "gkg.tsv").read_bytes() + (EXAMPLES / "gkg_translated.tsv").read_bytes() + b"short\trow\n"
    )
    outcomes = [what for _, what in made("gkg", path)]
    assert [what[1] for what in outcomes[:2]] == [b"20260601093000-42", b"20260601093000-T43"]
    assert isinstance(outcomes[2], Reject)


def test_each_entry_of_a_feed_is_a_record_that_the_worker_reads(tmp_path):
    path = tmp_path / "feed.xml"
    entry = (EXAMPLES / "atom.xml").read_text()
    path.write_text(
        f'<feed xmlns="http://www.w3.org/2005/Atom">{entry}{entry.replace("acme-outlook", "other")}</feed>'
    )
    records = [what for _, what in made("feed", path)]
    assert [key for _, key, _ in records] == [
        b"tag:wire.example,2026:acme-outlook",
        b"tag:wire.example,2026:other",
    ]
    for stamp, _, value in records:
        record = RawRecord(SourcePartition("news.raw.v1", 0), 0, stamp, None, value)
        outcome = read_record(record, SourceClass.NEWS, InputLimits())
        assert isinstance(outcome, Keep)
        assert outcome.value.content == "Acme Corp expects lower revenue."


@pytest.mark.parametrize("text", ["<feed>", "<!DOCTYPE a><a/>", "no XML"])
def test_a_feed_that_is_not_read_says_so_in_one_line(tmp_path, text):
    path = tmp_path / "feed.xml"
    path.write_text(text)
    with pytest.raises(Misconfigured, match=r"feed\.xml"):
        made("feed", path)
