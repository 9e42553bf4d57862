from __future__ import annotations

from datetime import timedelta

import pytest

from streams.local import readiness
from tests.parts import RealParts, environment

pytestmark = [pytest.mark.integration, pytest.mark.slow]


def test_first_session_to_leave_keeps_the_parts_for_the_others(real_parts: RealParts) -> None:
    mine = real_parts.need("postgres")
    visitor = RealParts()
    found = visitor.need("postgres")
    visitor.close()
    assert found.postgres is not None
    readiness.query(mine.postgres or "", timedelta(seconds=10))
    assert environment(found)["SENTIWATCH_POSTGRES__URL"] == found.postgres


def test_real_broker_accepts_a_record(kafka_bootstrap: str) -> None:
    readiness.round_trip(kafka_bootstrap, timedelta(seconds=30))
