import asyncio
import logging

import pytest
from aiokafka import errors as vendor

from streams.adapters.kafka import connecting
from streams.adapters.kafka.admin import KafkaAdmin, TopicState, mismatches
from streams.adapters.kafka.producer import KafkaProducer
from streams.adapters.kafka.security import connection
from streams.adapters.kafka.translation import kafka_errors, overheard
from streams.errors import Misconfigured, Poisonous, Unavailable
from streams.settings import KafkaSettings
from streams.wire.topics import ALERTS, NEWS


def test_plain_connections_need_an_address_and_nothing_else():
    assert connection(KafkaSettings(bootstrap="a:1, b:2")) == {
        "bootstrap_servers": ["a:1", "b:2"],
        "security_protocol": "PLAINTEXT",
        "ssl_context": None,
    }


def test_sasl_over_tls_has_a_context_and_the_log_in():
    settings = KafkaSettings(
        bootstrap="a:1", security_protocol="SASL_SSL", sasl_username="me", sasl_password="secret"
    )
    arguments = connection(settings)
    assert arguments["ssl_context"].check_hostname
    assert arguments["sasl_mechanism"] == "SCRAM-SHA-512"
    assert arguments["sasl_plain_password"] == "secret"


@pytest.mark.parametrize(
    ("changes", "variable"),
    [
        ({"bootstrap": ""}, "KAFKA__BOOTSTRAP"),
        ({"bootstrap": "host"}, "KAFKA__BOOTSTRAP"),
        ({"bootstrap": "http://a:1"}, "KAFKA__BOOTSTRAP"),
        ({"security_protocol": "SASL_PLAINTEXT", "sasl_mechanism": "X"}, "KAFKA__SASL_MECHANISM"),
        ({"security_protocol": "SASL_PLAINTEXT"}, "KAFKA__SASL_USERNAME"),
        ({"security_protocol": "SSL", "ca_file": "/nowhere/ca.pem"}, "KAFKA__CA_FILE"),
    ],
)
def test_an_impossible_setting_is_named(changes, variable):
    with pytest.raises(Misconfigured, match=variable):
        connection(KafkaSettings(**{"bootstrap": "a:1", **changes}))


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (vendor.KafkaConnectionError("refused"), Unavailable),
        (vendor.RequestTimedOutError(), Unavailable),
        (TimeoutError(), Unavailable),
        (ConnectionResetError("gone"), Unavailable),
        (vendor.TopicAuthorizationFailedError(), Misconfigured),
        (vendor.SaslAuthenticationFailed("no"), Misconfigured),
        (vendor.UnknownTopicOrPartitionError(), Misconfigured),
        (vendor.MessageSizeTooLargeError(), Poisonous),
    ],
)
def test_vendor_errors_become_ours_in_one_line(error, kind):
    with pytest.raises(kind, match=r"^kafka at x: [^\n]+$"), kafka_errors("kafka at x"):
        raise error


def test_our_own_errors_pass_unchanged():
    ours = Misconfigured("ours")
    with pytest.raises(Misconfigured) as caught, kafka_errors("kafka at x"):
        raise ours
    assert caught.value is ours


def test_overlapping_listeners_leave_the_driver_log_as_it_was():
    logger = logging.getLogger("aiokafka")
    before = (logger.level, logger.propagate, len(logger.handlers))
    first, second = overheard(), overheard()
    with first as heard:
        second.__enter__()
        logging.getLogger("aiokafka.client").error("Unable to connect")
    second.__exit__(None, None, None)
    assert heard == ["Unable to connect"]
    assert (logger.level, logger.propagate, len(logger.handlers)) == before


async def test_a_refused_connection_is_unavailable_at_once_and_silent(caplog):
    settings = KafkaSettings(bootstrap="127.0.0.1:1")
    for client in (KafkaAdmin, KafkaProducer):
        with pytest.raises(Unavailable, match="cannot be reached"):
            async with client.connect(settings):
                pass
    assert not caplog.records


async def test_a_broker_that_never_answers_is_given_up(monkeypatch):
    monkeypatch.setattr(connecting, "CONNECT_SECONDS", 0.3)

    writers = []

    async def listen(reader, writer):
        writers.append(writer)
        await reader.read()

    server = await asyncio.start_server(listen, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        with pytest.raises(Unavailable, match="cannot be reached"):
            async with KafkaAdmin.connect(KafkaSettings(bootstrap=f"127.0.0.1:{port}")):
                pass
    finally:
        server.close()
        for writer in writers:
            writer.close()
            await writer.wait_closed()


def test_another_number_of_partitions_is_told_with_its_remedy():
    settings = KafkaSettings(partitions=4)
    found = {"news.raw.v1": TopicState("news.raw.v1", 2, 1), "alerts.v1": TopicState("alerts.v1", 1, 1)}
    (told,) = mismatches([NEWS, ALERTS], found, settings)
    assert "news.raw.v1 has 2 partitions, expected 4" in told
    assert "SENTIWATCH_KAFKA__PARTITIONS" in told
