"""Every format by its examples: how it is recognised, and which document it becomes."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from importlib.resources import files

import pytest
from jsonschema import Draft202012Validator

from streams.domain.document import RawRecord, SourceClass, SourcePartition
from streams.domain.outcome import Keep, Reason, Reject
from streams.stages.read_record import read_record
from streams.wire import formats
from streams.wire.limits import InputLimits

AT = datetime(2026, 6, 1, 12, tzinfo=UTC)
EXAMPLES = files("streams.wire") / "examples"
FORMAT_OF = {
    "document_v1.json": "document.v1",
    "ninjs_1.json": "ninjs",
    "ninjs_2.json": "ninjs",
    "ninjs_3.json": "ninjs",
    "ninjs_canceled.json": "ninjs",
    "stocktwits.json": "stocktwits",
    "stocktwits_reshare.json": "stocktwits",
    "x_post.json": "x.v2",
    "x_repost.json": "x.v2",
    "x_delete.json": "x.v2",
    "rss.xml": "feed",
    "atom.xml": "feed",
    "atom_deleted.xml": "feed",
    "gkg.tsv": "gkg",
    "gkg_translated.tsv": "gkg",
}


def example(name):
    return (EXAMPLES / name).read_bytes()


def read(value, *headers, timestamp=AT):
    record = RawRecord(SourcePartition("news.raw.v1", 0), 0, timestamp, b"key", value, headers)
    return read_record(record, SourceClass.NEWS, InputLimits())


def document(value, *headers):
    outcome = read(value, *headers)
    assert isinstance(outcome, Keep), outcome
    return outcome.value


def changed(name, **changes):
    """A JSON example with other values at its top; None leaves a field out."""
    fields = json.loads(example(name)) | changes
    return json.dumps({key: value for key, value in fields.items() if value is not None}).encode()


def at(hour, minute, second=0):
    return datetime(2026, 6, 1, hour, minute, second, tzinfo=UTC)


def test_every_example_belongs_to_a_format_and_every_format_has_one():
    assert {path.name for path in EXAMPLES.iterdir()} == set(FORMAT_OF)
    assert set(FORMAT_OF.values()) == set(formats.BY_NAME)


@pytest.mark.parametrize("name", FORMAT_OF)
def test_an_example_is_a_document_with_and_without_a_header_that_names_its_format(name):
    by_shape = document(example(name))
    by_type = document(example(name), ("ce_type", f"sentiwatch.{FORMAT_OF[name]}".encode()))
    kinds = formats.BY_NAME[FORMAT_OF[name]].content_types
    assert by_type == by_shape
    for kind in kinds:
        assert document(example(name), ("content-type", f"{kind}; charset=utf-8".encode())) == by_shape


@pytest.mark.parametrize("name", FORMAT_OF)
def test_an_example_obeys_the_published_schema(name):
    format_ = formats.BY_NAME[FORMAT_OF[name]]
    schema = formats.schema(format_.name)
    Draft202012Validator.check_schema(schema)
    parsed = json.loads(example(name)) if format_.parse is None else format_.parse(example(name))
    Draft202012Validator(schema).validate(parsed)


@pytest.mark.parametrize(
    "name", ["ninjs_1.json", "ninjs_2.json", "ninjs_3.json", "stocktwits.json", "x_post.json"]
)
def test_a_field_that_the_schema_gives_another_type_is_refused(name):
    properties = formats.schema(FORMAT_OF[name])["properties"]
    for field in json.loads(example(name)).keys() & properties.keys():
        outcome = read(changed(name, **{field: [7.5]}))
        assert isinstance(outcome, Reject), field
        assert outcome.reason in {Reason.WRONG_TYPE, Reason.UNKNOWN_VERSION, Reason.MISSING_FIELD}, field


def test_ninjs_1_is_read_whole():
    found = document(example("ninjs_1.json"))
    assert (found.source, found.source_id) == (
        "wire.example",
        "urn:newsml:wire.example:20260601:acme-outlook",
    )
    assert (found.event_time, found.source_time) == (at(9, 30), at(9, 42))
    assert (found.revision, found.deleted) == (2, False)
    assert (found.title, found.content) == (
        "Acme lowers its outlook",
        "Acme Corp expects lower revenue this year.",
    )
    assert (found.author, found.publisher, found.language) == ("A. Writer", "Example Wire", "en")
    assert found.tickers == ("ACME",)


def test_ninjs_2_prefers_the_plain_body_and_happens_at_its_release():
    found = document(example("ninjs_2.json"))
    assert found.content == "Acme Corp expects lower revenue this year."
    assert found.event_time == at(8, 0)
    assert found.source_time == at(7, 42)


def test_ninjs_3_is_read_through_its_markup():
    found = document(example("ninjs_3.json"))
    assert (found.title, found.content) == ("阿克米下调全年预期", "阿克米预计全年收入下降。")
    assert (found.language, found.publisher, found.tickers) == ("zh", "示例通讯社", ("600519.SH",))
    assert found.url == "https://wire.example/items/acme-outlook"
    assert found.event_time == at(9, 30)


@pytest.mark.parametrize("status", ["canceled", "withheld"])
@pytest.mark.parametrize("field", ["pubstatus", "pubStatus"])
def test_a_ninjs_item_that_may_not_be_published_is_a_withdrawal(field, status):
    found = document(changed("ninjs_canceled.json", **{"pubstatus": None} | {field: status}))
    assert found.deleted
    assert found.version > document(example("ninjs_1.json")).version
    assert found.document_id == document(example("ninjs_1.json")).document_id


def test_a_cancellation_without_a_version_outranks_every_version():
    found = document(changed("ninjs_canceled.json", version=None))
    assert found.version > document(changed("ninjs_1.json", version="99")).version


def test_a_ninjs_embargo_in_the_future_is_an_embargoed_document():
    found = document(changed("ninjs_1.json", embargoed="2026-06-02T06:00:00Z"))
    assert found.embargoed
    assert found.event_time == datetime(2026, 6, 2, 6, tzinfo=UTC)


def test_a_publication_status_of_no_standard_is_refused():
    outcome = read(changed("ninjs_1.json", pubstatus="perhaps"))
    assert isinstance(outcome, Reject)
    assert outcome.reason is Reason.INVALID_VALUE


@pytest.mark.parametrize(
    ("version", "revision"), [("7", 7), (3, 3), ("1.2", 0), ("20260601093000", 0), ("b", 0)]
)
def test_only_a_version_that_counts_is_a_revision(version, revision):
    assert document(changed("ninjs_1.json", version=version)).revision == revision


def test_a_stocktwits_message_is_a_post_with_its_symbols():
    found = document(example("stocktwits.json"))
    assert (found.source, found.source_id) == ("stocktwits", "608435113")
    assert found.content == "$ACME guidance cut & no word on margins"
    assert (found.author, found.tickers, found.event_time) == ("invented_user", ("ACME",), at(9, 31, 11))


def test_a_bare_reshare_names_whose_words_it_carries():
    assert document(example("stocktwits_reshare.json")).content == "RT @invented_user: $ACME guidance cut"


def test_an_x_post_is_known_by_ids():
    found = document(example("x_post.json"))
    assert (found.source, found.source_id) == ("x", "2065432109876543210")
    assert (found.author, found.language, found.tickers) == ("900000001", "en", ("ACME",))
    assert found.event_time == at(9, 31)


def test_an_x_repost_carries_the_whole_original_and_its_origin():
    found = document(example("x_repost.json"))
    assert found.content == "RT @invented_desk: $ACME cuts its outlook, shares fall 8% after hours"
    assert found.author == "900000002"


def test_an_edited_x_post_is_a_later_version_of_the_first():
    data = json.loads(example("x_post.json"))["data"]
    edit = data | {
        "id": "2065432109876549999",
        "edit_history_tweet_ids": [data["id"], "2065432109876549999"],
        "created_at": "2026-06-01T09:50:00Z",
    }
    first, second = document(example("x_post.json")), document(changed("x_post.json", data=edit))
    assert second.document_id == first.document_id
    assert second.version > first.version


@pytest.mark.parametrize("kind", ["delete", "drop"])
def test_an_x_withdrawal_outranks_what_it_withdraws(kind):
    notice = json.loads(example("x_delete.json"))["data"]["delete"]
    found = document(changed("x_delete.json", data={kind: notice}))
    assert found.deleted
    assert found.document_id == document(example("x_post.json")).document_id
    assert found.version > document(example("x_post.json")).version


def test_an_rss_item_is_read_through_its_markup():
    found = document(example("rss.xml"))
    assert (found.source, found.source_id) == ("wire.example", "https://wire.example/?p=4711")
    assert found.content == "Acme Corp expects lower revenue & margins."
    assert (found.author, found.language) == ("A. Writer", "en")
    assert found.url == "https://www.wire.example/2026/acme-outlook?from=rss"
    assert found.event_time == at(9, 30)


def test_an_atom_entry_is_read_through_its_parts():
    found = document(example("atom.xml"))
    assert (found.source, found.source_id) == ("wire.example", "tag:wire.example,2026:acme-outlook")
    assert (found.event_time, found.source_time) == (at(9, 30), at(9, 45))
    assert found.content == "Acme Corp expects lower revenue."
    assert (found.author, found.publisher) == ("A. Writer", "Example Wire")
    assert found.url == "https://wire.example/acme-outlook"


def test_an_atom_tombstone_withdraws_the_entry():
    found = document(example("atom_deleted.xml"))
    assert found.deleted
    assert found.document_id == document(example("atom.xml")).document_id
    assert found.version > document(example("atom.xml")).version


def test_a_gkg_row_is_a_title_with_quotations():
    found = document(example("gkg.tsv"))
    assert (found.source, found.source_id, found.publisher) == ("gdelt", "20260601093000-42", "wire.example")
    assert found.title == "Acme lowers its outlook & dividend"
    assert found.content == "We see softer demand than we had planned for"
    assert (found.event_time, found.url) == (at(9, 30), "https://wire.example/acme-outlook")


def test_a_translated_gkg_row_keeps_its_own_title_only():
    found = document(example("gkg_translated.tsv"))
    assert (found.language, found.title, found.content) == ("zh", "阿克米下调全年预期", "")


def test_a_header_decides_against_the_shape():
    outcome = read(example("stocktwits.json"), ("ce_type", b"sentiwatch.feed"))
    assert isinstance(outcome, Reject)
    assert outcome.reason is Reason.NOT_XML


def test_the_event_type_decides_against_the_content_type_wherever_it_stands():
    headers = ("content-type", b"text/xml"), ("ce_type", b"sentiwatch.stocktwits")
    assert document(example("stocktwits.json"), *headers).source == "stocktwits"
    assert document(example("stocktwits.json"), *reversed(headers)).source == "stocktwits"


def test_a_foreign_event_type_says_nothing():
    headers = ("ce_type", b"com.example.published"), ("content-type", b"application/json")
    assert document(example("ninjs_1.json"), *headers).source == "wire.example"


def test_what_a_format_lacks_comes_from_the_event_headers():
    headers = ("ce_id", b"4711"), ("ce_source", b"desk"), ("ce_time", b"2026-06-01T09:00:00Z")
    bare = b"<item><title>Acme warns</title></item>"
    found = document(bare, *headers)
    assert (found.source_id, found.source, found.event_time) == ("4711", "desk", at(9, 0))
    assert isinstance(read(bare), Reject)


def test_another_version_of_ours_is_never_another_format():
    outcome = read(changed("ninjs_1.json", version="document.v2"))
    assert isinstance(outcome, Reject)
    assert outcome.reason is Reason.UNKNOWN_VERSION
