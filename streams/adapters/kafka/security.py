"""How every Kafka client of ours connects: addresses, TLS and SASL from the settings."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Any

from streams.errors import Misconfigured
from streams.settings import require

if TYPE_CHECKING:
    from streams.settings import KafkaSettings

PROTOCOLS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")


def connection(settings: KafkaSettings) -> dict[str, Any]:
    """Keyword arguments of aiokafka's producer, consumer and admin client.

    Raises:
        Misconfigured: no address, an unknown protocol or mechanism, or no user name; never repeats a secret.
    """
    protocol = settings.security_protocol.upper()
    if protocol not in PROTOCOLS:
        raise Misconfigured(f"SENTIWATCH_KAFKA__SECURITY_PROTOCOL: choose from {', '.join(PROTOCOLS)}")
    arguments: dict[str, Any] = {
        "bootstrap_servers": bootstrap_servers(settings),
        "security_protocol": protocol,
        "ssl_context": ssl_context(settings),
    }
    return arguments | (_sasl(settings) if protocol.startswith("SASL_") else {})


def bootstrap_servers(settings: KafkaSettings) -> list[str]:
    """The addresses, each host:port.

    Raises:
        Misconfigured: none is set and no local broker runs, or one is no address.
    """
    listed = require(settings.bootstrap, "SENTIWATCH_KAFKA__BOOTSTRAP")
    addresses = [address.strip() for address in listed.split(",") if address.strip()]
    for address in addresses:
        host, _, port = address.rpartition(":")
        if not host or not port.isdecimal() or "/" in host:
            raise Misconfigured(f"SENTIWATCH_KAFKA__BOOTSTRAP: {address!r} is not host:port")
    return addresses


def ssl_context(settings: KafkaSettings) -> ssl.SSLContext | None:
    """Verifies the broker against ``ca_file``, else against the system's authorities; None without TLS.

    Raises:
        Misconfigured: a file is missing or holds no certificate, or no key that belongs to it.
    """
    if settings.security_protocol.upper() not in ("SSL", "SASL_SSL"):
        return None
    try:
        context = ssl.create_default_context(cafile=settings.ca_file)
    except OSError as error:  # ssl.SSLError is one, too
        raise Misconfigured(f"SENTIWATCH_KAFKA__CA_FILE: cannot use {settings.ca_file}") from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if settings.certificate_file is not None:
        try:
            context.load_cert_chain(settings.certificate_file, settings.key_file, password=_no_password)
        except OSError as error:
            raise Misconfigured(
                f"SENTIWATCH_KAFKA__CERTIFICATE_FILE: cannot use {settings.certificate_file}"
                f" with the key in {settings.key_file or 'the same file'}"
            ) from error
    return context


def _no_password() -> str:
    """Instead of OpenSSL's question on the terminal: keys with a password are refused."""
    return ""


def _sasl(settings: KafkaSettings) -> dict[str, Any]:
    if settings.sasl_mechanism not in MECHANISMS:
        raise Misconfigured(f"SENTIWATCH_KAFKA__SASL_MECHANISM: choose from {', '.join(MECHANISMS)}")
    if not settings.sasl_username:
        raise Misconfigured("SENTIWATCH_KAFKA__SASL_USERNAME is not set")
    return {
        "sasl_mechanism": settings.sasl_mechanism,
        "sasl_plain_username": settings.sasl_username,
        "sasl_plain_password": settings.sasl_password.get_secret_value(),
    }
