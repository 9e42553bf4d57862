import pytest

from streams.errors import Misconfigured
from streams.ingest.mapping import FieldMapping, parse_mapping


def payload(text, row, **kwargs):
    return parse_mapping(text, **kwargs).payload(row, "stem")


def test_the_documented_example_maps_its_fields_and_no_others():
    mapping = parse_mapping("id=id,body=content,title=title,event_time=datetime")
    row = {"id": "1", "content": "text", "title": "head", "datetime": "2026-06-01T00:00:00Z", "author": "x"}
    assert mapping.payload(row, "cls") == {
        "version": "document.v1",
        "source": "cls",
        "id": "1",
        "content": "text",
        "title": "head",
        "event_time": "2026-06-01T00:00:00Z",
    }


@pytest.mark.parametrize("alias", ["body", "text", "content"])
def test_content_has_aliases(alias):
    assert parse_mapping(f"id=a,event_time=b,{alias}=c").fields["content"] == "c"


def test_without_a_map_fields_with_our_names_are_taken():
    row = {"version": "document.v1", "id": "1", "title": "t", "event_time": 1, "source": "own", "level": "C"}
    assert payload(None, row) == {
        "version": "document.v1",
        "id": "1",
        "title": "t",
        "event_time": 1,
        "source": "own",
    }


def test_the_source_is_the_option_then_the_row_then_the_file():
    mapped = "id=id,title=t,event_time=e,source=feed"
    assert payload(mapped, {"feed": "row"}, source="option")["source"] == "option"
    assert payload(mapped, {"feed": "row"})["source"] == "row"
    assert payload(mapped, {"feed": " "})["source"] == "stem"
    assert payload("id=id,title=t,event_time=e", {"source": "row"})["source"] == "stem"


@pytest.mark.parametrize(
    ("target", "value", "expected"),
    [
        ("id", 17, "17"),
        ("id", True, True),
        ("event_time", "1388531408", 1388531408),
        ("event_time", " 1388531408.5 ", 1388531408.5),
        ("event_time", " 2026-06-01T00:00:00Z ", "2026-06-01T00:00:00Z"),
        ("tickers", "AAPL", ["AAPL"]),
        ("tickers", "AAPL, MSFT;600519.SH|F", ["AAPL", "MSFT", "600519.SH", "F"]),
        ("tickers", ["AAPL"], ["AAPL"]),
        ("tickers", [{"name": "", "code": "sz399006"}, {"symbol": "F"}], ["sz399006", "F"]),
        ("tickers", [{"name": "x"}], [{"name": "x"}]),
        ("revision", "3", 3),
        ("revision", "three", "three"),
        ("deleted", "true", True),
        ("deleted", "0", False),
        ("deleted", "perhaps", "perhaps"),
        ("title", 3, 3),
    ],
)
def test_values_that_mean_the_same_in_another_type_are_converted(target, value, expected):
    result = FieldMapping({target: "field"}).payload({"field": value}, "stem")[target]
    assert result == expected
    assert type(result) is type(expected)


def test_blank_and_missing_values_are_absent():
    assert "url" not in payload(None, {"url": ""})
    assert "url" not in payload(None, {"url": None})
    assert "url" not in payload(None, {})


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "id, event_time, title or body"),
        ("id=id", "event_time, title or body"),
        ("id", "not target=field"),
        ("id=", "not target=field"),
        ("identity=id", "unknown target 'identity'"),
        ("version=v", "unknown target 'version'"),
        ("id=a,id=b,title=t,event_time=e", "id is given twice"),
        ("id=a,body=b,text=c,event_time=e", "content is given twice"),
    ],
)
def test_a_bad_map_is_refused_in_one_sentence(text, told):
    with pytest.raises(Misconfigured, match=told):
        parse_mapping(text)
