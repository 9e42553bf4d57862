import pytest

from streams.domain.document import SourceClass
from streams.errors import Misconfigured
from streams.settings import KafkaSettings
from streams.wire.topics import ALERTS, INPUT_TOPICS, NEWS, SOURCE_CLASSES, TOPICS, input_topic


def test_each_input_has_a_source_class_and_no_output_has_one():
    assert {topic.name: topic.source_class for topic in INPUT_TOPICS} == {
        "news.raw.v1": SourceClass.NEWS,
        "social.raw.v1": SourceClass.SOCIAL,
    }
    assert all(topic.source_class is None for topic in TOPICS if topic not in INPUT_TOPICS)
    assert dict(SOURCE_CLASSES) == {"news.raw.v1": "news", "social.raw.v1": "social"}


def test_inputs_are_history_and_records_keep_their_own_time():
    for topic in INPUT_TOPICS:
        assert topic.config["retention.ms"] == "-1"
    for topic in TOPICS:
        assert topic.config["message.timestamp.type"] == "CreateTime"
        assert int(topic.config["max.message.bytes"]) >= 1_000_000


def test_partitions_of_inputs_follow_the_settings_and_alerts_stay_in_order():
    settings = KafkaSettings(partitions=7)
    assert NEWS.partition_count(settings) == 7
    assert ALERTS.partition_count(settings) == 1


def test_an_unknown_input_topic_is_refused_with_the_names_there_are():
    with pytest.raises(Misconfigured, match=r"news\.raw\.v1, social\.raw\.v1"):
        input_topic("alerts.v1")


def test_the_table_cannot_be_changed_at_run_time():
    with pytest.raises(TypeError):
        NEWS.config["retention.ms"] = "1"
