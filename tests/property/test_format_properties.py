"""Whatever the bytes and the headers, every decoder gives one outcome and raises nothing."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from importlib.resources import files

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.domain.document import RawRecord, SourceClass, SourcePartition
from streams.domain.outcome import Drop, Keep, Reject
from streams.stages.read_record import read_record
from streams.wire.formats import FORMATS
from streams.wire.limits import InputLimits

AT = datetime(2026, 6, 1, 12, tzinfo=UTC)
EXAMPLES = [path.read_bytes() for path in sorted((files("streams.wire") / "examples").iterdir(), key=str)]
OBJECTS = [json.loads(value) for value in EXAMPLES if value.startswith(b"{")]
LIMITS = InputLimits()

types = st.sampled_from([None, *(each.event_type.encode() for each in FORMATS)])
scalars = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text(max_size=20)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
names = sorted(
    {name for each in OBJECTS for name in each} | {name for each in OBJECTS for name in each.get("data", {})}
)
dates = st.sampled_from(
    [
        "",
        "Mon, 01 Jun 2026 09:30:00 GMT",
        "1 Jan 70 0:00 Z",
        "2026-06-01T09:30:00Z",
        "0000",
        "99 Foo 9999 99:99 +9999",
    ]
)


def outcome(value, kind=None):
    headers = () if kind is None else (("ce_type", kind),)
    record = RawRecord(SourcePartition("social.raw.v1", 0), 0, AT, None, value, headers)
    found = read_record(record, SourceClass.SOCIAL, LIMITS)
    assert isinstance(found, (Keep, Drop, Reject))
    assert read_record(record, SourceClass.SOCIAL, LIMITS) == found
    if isinstance(found, Keep):
        assert found.value.source_id.strip()
        assert found.value.source.strip()
        assert found.value.deleted or found.value.title or found.value.content
        assert found.value.event_time.tzinfo is UTC
    return found


@settings(max_examples=400, deadline=None)
@given(value=st.binary(max_size=200), kind=types)
def test_no_bytes_under_any_claim_raise(value, kind):
    outcome(value, kind)


@settings(max_examples=400, deadline=None)
@given(
    value=values.map(lambda value: orjson.dumps(value, option=orjson.OPT_PASSTHROUGH_SUBCLASS))
    | st.just(b"{}"),
    kind=types,
)
def test_no_json_under_any_claim_raises(value, kind):
    outcome(value, kind)


@settings(max_examples=600, deadline=None)
@given(
    base=st.sampled_from(OBJECTS),
    changes=st.dictionaries(st.sampled_from(names), values, max_size=4),
    inside=st.booleans(),
)
def test_no_example_with_other_values_raises(base, changes, inside):
    payload = base | {"data": base["data"] | changes} if inside and "data" in base else base | changes
    outcome(json.dumps(payload).encode("utf-8", "surrogatepass"))


@pytest.mark.parametrize("value", EXAMPLES)
def test_no_cut_example_raises(value):
    for end in range(0, len(value), 7):
        outcome(value[:end])


@settings(max_examples=600, deadline=None)
@given(base=st.sampled_from(EXAMPLES), place=st.floats(0, 1), junk=st.binary(max_size=4), kind=types)
def test_no_damaged_example_raises(base, place, junk, kind):
    cut = int(place * len(base))
    outcome(base[:cut] + junk + base[cut + 1 :], kind)


tags = st.sampled_from(["item", "entry", "title", "guid", "id", "link", "pubDate", "author", "content", "b"])
elements = st.recursive(
    st.text(max_size=10) | dates,
    lambda inner: st.tuples(tags, st.lists(inner, max_size=4)).map(
        lambda part: f"<{part[0]}>{''.join(part[1])}</{part[0]}>"
    ),
    max_leaves=12,
)


@settings(max_examples=400, deadline=None)
@given(inner=elements)
def test_no_feed_raises(inner):
    outcome(f"<rss><channel><item>{inner}</item></channel></rss>".encode("utf-8", "surrogatepass"))


@settings(max_examples=200, deadline=None)
@given(columns=st.lists(st.text(max_size=12), min_size=25, max_size=28))
def test_no_row_raises(columns):
    outcome("\t".join(["20260601093000-1", *columns]).encode("utf-8", "surrogatepass"))
