"""No bytes raise, and the published JSON Schema says the same as the code."""

from datetime import UTC, datetime

import orjson
from hypothesis import example, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from streams.domain.document import Document, RawRecord, SourceClass, SourcePartition
from streams.domain.outcome import Drop, Keep, Reason, Reject
from streams.stages.normalise import normalise
from streams.stages.read_record import read_record
from streams.stages.validate import validate
from streams.wire.document_v1 import FIELDS, schema
from streams.wire.limits import InputLimits

TIMESTAMP = datetime(2026, 6, 1, 12, tzinfo=UTC)
LIMITS = InputLimits()
SCHEMA = Draft202012Validator(schema())
# What no schema can see: calendars and years, the Kafka timestamp, two fields together.
OUTSIDE_THE_SCHEMA = {
    Reason.UNPARSEABLE_DATE,
    Reason.DATE_OUT_OF_RANGE,
    Reason.FUTURE_DATE,
    Reason.TEXT_TOO_LONG,
}

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
scalars = st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats() | texts
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
offsets = st.sampled_from(["Z", "z", "+08:00", "-0500", "+00", "", "+8", "Z\n"])
time_texts = st.builds(
    "{:04}-{:02}-{:02}{}{:02}:{:02}{}{}".format,
    st.integers(1985, 2027),
    st.integers(1, 12),
    st.integers(1, 28),
    st.sampled_from("Tt _"),
    st.integers(0, 25),
    st.integers(0, 59),
    st.sampled_from(["", ":00", ":59.5", ":07,123456789", ":0"]),
    offsets,
)
times = time_texts | st.integers(600_000_000, 1_790_000_000) | st.floats(1e8, 1e13) | st.none()
long_texts = st.builds(lambda text, count: text * count, texts, st.integers(0, 60))
fields = {
    "version": st.just("document.v1"),
    "id": long_texts | st.text("ab\x1f\n ", max_size=3),
    "source": long_texts | st.just("wire"),
    "event_time": times,
    "source_time": times,
    "revision": st.none() | st.integers(-2, 2**32) | st.floats(-1, 5) | st.sampled_from([1.0, True]),
    "deleted": st.none() | st.booleans(),
    "title": st.none() | texts | st.sampled_from(["", " ", "\u3000\x85", "\u200b"]),
    "content": st.none() | texts | st.sampled_from(["", "\x1c"]),
    "language": st.none() | texts,
    "url": st.none() | long_texts,
    "author": st.none() | long_texts,
    "publisher": st.none() | long_texts,
    "tickers": st.none() | st.lists(texts | long_texts, max_size=3) | st.just(["A"] * 65),
    "embargo_until": times,
}
assert set(fields) == set(FIELDS)
usual = st.fixed_dictionaries(
    {"version": st.just("document.v1"), "id": st.just("17"), "source": st.just("wire")}
    | {"event_time": st.just("2026-06-01T11:00:00Z"), "title": st.just("Acme")}
)
some_fields = st.fixed_dictionaries({}, optional=fields)
one_odd_field = st.dictionaries(
    st.sampled_from([name for name in FIELDS if name != "version"]), anything, max_size=1
)
payloads = st.builds(lambda first, second, third: first | second | third, usual, some_fields, one_odd_field)
omissions = st.lists(st.sampled_from([name for name in FIELDS if name != "version"]), max_size=2)


def record(value, timestamp=TIMESTAMP):
    return RawRecord(SourcePartition("news.raw.v1", 0), 0, timestamp, None, value)


def over_the_wire(payload):
    """As JSON has it: no NaN, no infinities, integers that fit."""
    return orjson.loads(orjson.dumps(payload, option=orjson.OPT_PASSTHROUGH_SUBCLASS))


@settings(max_examples=1500, deadline=None)
@given(payload=payloads, omitted=omissions)
@example(
    payload={"version": "document.v1", "id": "1\n", "source": "s", "event_time": 1e9, "title": "t"},
    omitted=[],
)
def test_the_schema_and_the_code_agree(payload, omitted):
    payload = over_the_wire({name: value for name, value in payload.items() if name not in omitted})
    outcome = validate(payload, record(b""), SourceClass.NEWS, LIMITS)
    if not SCHEMA.is_valid(payload):
        assert isinstance(outcome, Reject), payload
    elif isinstance(outcome, Reject):
        assert outcome.reason in OUTSIDE_THE_SCHEMA, (outcome, payload)


def test_the_schema_is_a_schema_and_lists_every_field():
    Draft202012Validator.check_schema(schema())
    assert list(schema()["properties"]) == list(FIELDS)


@settings(max_examples=1500, deadline=None)
@given(value=st.none() | st.binary(max_size=200) | anything.map(orjson.dumps))
def test_no_bytes_raise(value):
    outcome = read_record(record(value), SourceClass.SOCIAL, LIMITS)
    assert isinstance(outcome, (Keep, Drop, Reject))


@settings(max_examples=500, deadline=None)
@given(payload=payloads, position=st.floats(0, 1), junk=st.binary(max_size=3))
def test_no_damaged_document_raises(payload, position, junk):
    value = orjson.dumps(payload)
    cut = int(position * len(value))
    outcome = read_record(record(value[:cut] + junk + value[cut + 1 :]), SourceClass.NEWS, LIMITS)
    assert isinstance(outcome, (Keep, Drop, Reject))


@settings(max_examples=500, deadline=None)
@given(
    headers=st.lists(
        st.tuples(st.sampled_from(["ce_id", "ce_source", "ce_time", "x"]), st.binary(max_size=30))
    )
)
def test_no_headers_raise(headers):
    raw = RawRecord(
        SourcePartition("news.raw.v1", 0), 0, TIMESTAMP, None, b'{"version":"document.v1"}', tuple(headers)
    )
    assert isinstance(read_record(raw, SourceClass.NEWS, LIMITS), (Keep, Reject))


@settings(max_examples=300, deadline=None)
@given(payload=payloads)
def test_kept_documents_are_whole(payload):
    outcome = read_record(record(orjson.dumps(payload)), SourceClass.NEWS, LIMITS)
    if not isinstance(outcome, Keep):
        return
    document = outcome.value
    assert isinstance(document, Document)
    assert document.source_id.strip()
    assert document.source.strip()
    assert document.deleted or document.title or document.content
    assert document.event_time.tzinfo is UTC
    assert document.source_time.tzinfo is UTC
    assert normalise(document, LIMITS) == outcome
