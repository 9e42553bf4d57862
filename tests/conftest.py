"""Fixtures of all suites: the real parts, each started when a test first asks for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.parts import RealParts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streams.local.addresses import Addresses


@pytest.fixture(scope="session")
def real_parts() -> Iterator[RealParts]:
    found = RealParts()
    try:
        yield found
    finally:
        found.close()


@pytest.fixture(scope="session")
def parts(real_parts: RealParts) -> Addresses:
    """Kafka, Triton and PostgreSQL, all ready."""
    return real_parts.need("kafka", "triton", "postgres")


@pytest.fixture(scope="session")
def kafka_bootstrap(real_parts: RealParts) -> str:
    return real_parts.need("kafka").kafka or ""


@pytest.fixture(scope="session")
def triton_url(real_parts: RealParts) -> str:
    return real_parts.need("triton").triton or ""


@pytest.fixture(scope="session")
def postgres_url(real_parts: RealParts) -> str:
    return real_parts.need("postgres").postgres or ""
