import random
from datetime import UTC, datetime, timedelta

import orjson
import pytest

from streams.domain.document import RawRecord, SourceClass, SourcePartition
from streams.domain.outcome import Keep, Reason
from streams.ingest.mapping import parse_mapping
from streams.ingest.ordering import Prepared, Sorter
from streams.ingest.preparing import LISTED, Preparation, prepare_files
from streams.stages.read_record import read_record
from streams.wire.limits import InputLimits
from streams.wire.times import format_time, from_milliseconds

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
LIMITS = InputLimits()
PREPARATION = Preparation(parse_mapping(None), SourceClass.NEWS, LIMITS)


def row(number, time, **fields):
    return {"id": str(number), "source": "wire", "title": f"Title {number}", "event_time": time} | fields


def write(path, rows):
    path.write_bytes(b"".join(orjson.dumps(each) + b"\n" for each in rows))
    return path


def prepared(paths, preparation=PREPARATION, memory=10**9):
    with Sorter.open(memory) as sorter:
        bad = prepare_files(paths, preparation, sorter)
        return list(sorter.records()), bad


@pytest.mark.parametrize("memory", [10**9, 5_000, 1])
def test_records_come_out_sorted_whatever_fits_into_memory(memory):
    shuffled = [Prepared(random.randrange(50), n % 3, n, b"k%d" % n, b"v" * (n % 700)) for n in range(1000)]
    with Sorter.open(memory) as sorter:
        for record in shuffled:
            sorter.add(record)
        assert sorter.count == 1000
        assert (sorter.runs > 0) == (memory < 10**9)
        assert list(sorter.records()) == sorted(shuffled)


@pytest.mark.parametrize("memory", [10**9, 2_000])
def test_several_unsorted_files_are_merged_by_event_time(tmp_path, memory):
    minutes = list(range(60))
    random.shuffle(minutes)
    rows = [row(minute, format_time(NOON + timedelta(minutes=minute))) for minute in minutes]
    paths = [write(tmp_path / f"{part}.jsonl", rows[part::3]) for part in range(3)]
    records, bad = prepared(paths, memory=memory)
    assert [record.key for record in records] == [str(minute).encode() for minute in range(60)]
    assert bad.count == 0


def test_equal_times_keep_the_order_of_files_and_lines(tmp_path):
    first = write(tmp_path / "a.jsonl", [row("a1", 1780315200), row("a2", 1780315200)])
    second = write(tmp_path / "b.jsonl", [row("b1", 1780315200000)])
    records, _ = prepared([first, second])
    assert [record.key for record in records] == [b"a1", b"a2", b"b1"]


def test_every_record_that_goes_out_is_kept_by_the_worker(tmp_path):
    rows = [
        row(1, "2026-06-01T12:00:00.123456+00:00"),
        row(2, 1780315200.987654),
        row(3, format_time(NOON), source_time=format_time(NOON + timedelta(hours=3)), revision=2),
        row(4, format_time(NOON), embargo_until=format_time(NOON + timedelta(hours=3))),
        row(5, format_time(NOON), title="", deleted=True),
    ]
    records, bad = prepared([write(tmp_path / "a.jsonl", rows)])
    assert bad.count == 0
    for record in records:
        timestamp = from_milliseconds(record.stamp_us // 1000)
        raw = RawRecord(SourcePartition("news.raw.v1", 0), 0, timestamp, record.key, record.value)
        assert isinstance(read_record(raw, SourceClass.NEWS, LIMITS), Keep)


def test_a_revision_is_stamped_when_it_became_known(tmp_path):
    rows = [
        row(1, format_time(NOON), source_time=format_time(NOON + timedelta(hours=2)), revision=1),
        row(2, format_time(NOON + timedelta(hours=1))),
    ]
    records, _ = prepared([write(tmp_path / "a.jsonl", rows)])
    assert [record.key for record in records] == [b"2", b"1"]


def test_bad_rows_are_counted_listed_and_left_out(tmp_path):
    path = tmp_path / "a.jsonl"
    good = orjson.dumps(row(1, format_time(NOON)))
    path.write_bytes(b"\n".join([b"junk", good, orjson.dumps(row(2, "2026-06-01T12:00:00"))] + [b"[]"] * 20))
    records, bad = prepared([path])
    assert [record.key for record in records] == [b"1"]
    assert bad.count == 22
    assert len(bad.first) == LISTED
    assert [(each.line, each.why.reason) for each in bad.first[:2]] == [
        (1, Reason.NOT_JSON),
        (3, Reason.UNPARSEABLE_DATE),
    ]


def test_csv_text_becomes_typed_and_bytes_that_are_no_text_are_bad(tmp_path):
    path = tmp_path / "feed.csv"
    path.write_bytes(
        b"nr,when,words,sym\n7,1780315200,Acme falls,AAPL|F\n8,1780315200,a\xffb,\n9,1780315200,a\x00b,\n"
    )
    mapping = parse_mapping("id=nr,event_time=when,body=words,tickers=sym")
    records, bad = prepared([path], Preparation(mapping, SourceClass.SOCIAL, LIMITS))
    assert [orjson.loads(record.value) for record in records] == [
        {
            "version": "document.v1",
            "source": "feed",
            "id": "7",
            "event_time": 1780315200,
            "content": "Acme falls",
            "tickers": ["AAPL", "F"],
        }
    ]
    assert [(each.line, each.why.reason) for each in bad.first] == [
        (3, Reason.NOT_UTF8),
        (4, Reason.NULL_BYTE),
    ]


def test_rows_that_repeat_an_id_are_records_of_their_own(tmp_path):
    rows = [row(1, format_time(NOON), tickers=["AAPL"]), row(1, format_time(NOON), tickers=["GOOG"])]
    records, _ = prepared([write(tmp_path / "a.jsonl", rows)])
    assert len(records) == 2
