import gzip
from datetime import UTC, datetime

import pytest

from streams.domain.outcome import Reason, Reject
from streams.errors import Misconfigured
from streams.ingest import rows
from streams.ingest.rows import Row, file_stem, format_suffix, read_rows


def read(path, content, *, packed=False):
    path.write_bytes(gzip.compress(content) if packed else content)
    return list(read_rows(path))


def reasons(found):
    return [(row.line, row.fields.reason) for row in found if isinstance(row.fields, Reject)]


@pytest.mark.parametrize("packed", [False, True])
def test_jsonl_rows_keep_their_line_numbers(tmp_path, packed):
    name = "a.jsonl.gz" if packed else "a.jsonl"
    content = '\ufeff{"a":1}\n\n  \n{"a":"伊"}'.encode()
    assert read(tmp_path / name, content, packed=packed) == [Row(1, {"a": 1}), Row(4, {"a": "伊"})]


def test_bad_jsonl_rows_are_values_and_reading_goes_on(tmp_path):
    content = b'{"a":1}\nnot json\n[1]\n\xff\n{"a":"\\u0000"}\n{"a":2}\n'
    found = read(tmp_path / "a.ndjson", content)
    assert reasons(found) == [
        (2, Reason.NOT_JSON),
        (3, Reason.NOT_AN_OBJECT),
        (4, Reason.NOT_UTF8),
        (5, Reason.NULL_BYTE),
    ]
    assert found[-1] == Row(6, {"a": 2})


def test_a_row_without_end_does_not_fill_the_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(rows, "LONGEST_ROW", 10)
    found = read(tmp_path / "a.jsonl", b'{"a":1}\n' + b"x" * 1000 + b'\n{"a":2}\n')
    assert reasons(found) == [(2, Reason.TEXT_TOO_LONG)]
    assert [row.line for row in found] == [1, 2, 3]


@pytest.mark.parametrize("packed", [False, True])
def test_csv_rows_know_quotes_line_breaks_and_where_they_begin(tmp_path, packed):
    name = "a.csv.gz" if packed else "a.csv"
    content = '\ufeffid, text\r\n1,"two\nlines, ""quoted"""\r\n\r\n2,plain\r\n3\r\n'.encode()
    assert read(tmp_path / name, content, packed=packed) == [
        Row(2, {"id": "1", "text": 'two\nlines, "quoted"'}),
        Row(5, {"id": "2", "text": "plain"}),
        Row(6, {"id": "3"}),
    ]


def test_a_csv_row_with_more_columns_than_names_is_bad(tmp_path):
    assert reasons(read(tmp_path / "a.csv", b"a,b\n1,2,3\n1,2\n")) == [(2, Reason.INVALID_VALUE)]


def test_tabs_separate_tsv(tmp_path):
    assert read(tmp_path / "a.tsv", b"a\tb\n1,5\t2\n") == [Row(2, {"a": "1,5", "b": "2"})]


@pytest.mark.parametrize("name", ["empty.csv", "empty.jsonl"])
def test_an_empty_file_has_no_rows(tmp_path, name):
    assert read(tmp_path / name, b"") == []


def test_a_damaged_archive_is_refused_in_one_line(tmp_path):
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(gzip.compress(b'{"a":1}\n' * 10_000)[:-20])
    with pytest.raises(Misconfigured, match=r"a\.jsonl\.gz: damaged archive after line \d+"):
        list(read_rows(path))
    path.write_bytes(b"no archive")
    with pytest.raises(Misconfigured, match="damaged archive after line 0"):
        list(read_rows(path))


def test_a_missing_file_and_an_unknown_suffix_are_refused(tmp_path):
    with pytest.raises(Misconfigured, match=r"No such file"):
        list(read_rows(tmp_path / "none.jsonl"))
    with pytest.raises(Misconfigured, match=r"expected \.jsonl"):
        format_suffix(tmp_path / "a.xml")


def test_the_stem_leaves_both_suffixes_out(tmp_path):
    assert file_stem(tmp_path / "tweets_2014-01_2015-09.jsonl.gz") == "tweets_2014-01_2015-09"
    assert file_stem(tmp_path / "a.b.csv") == "a.b"


def test_parquet_rows_are_those_of_jsonl(tmp_path):
    pa = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    at = datetime(2026, 6, 1, 12, tzinfo=UTC)
    parquet.write_table(
        pa.table({"id": ["a", "b"], "at": [at, None], "n": [1, 2]}), tmp_path / "rows.parquet"
    )
    rows = list(read_rows(tmp_path / "rows.parquet"))
    assert [row.line for row in rows] == [1, 2]
    assert rows[0].fields == {"id": "a", "at": "2026-06-01T12:00:00+00:00", "n": 1}
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(Misconfigured, match="damaged Parquet"):
        list(read_rows(tmp_path / "bad.parquet"))
