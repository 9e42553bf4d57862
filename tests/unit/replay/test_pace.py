from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from streams.adapters.kafka.admin import OffsetSpan
from streams.replay.files import FileHistory
from streams.replay.pace import Throttle, throttled
from streams.replay.request import Request
from streams.settings import Settings
from streams.wire.limits import InputLimits

if TYPE_CHECKING:
    from pathlib import Path

LIMITS = InputLimits.of(Settings())


def test_a_replay_at_half_load_rests_as_long_as_it_worked():
    throttle = Throttle(0.5)
    throttle.begin()
    until = time.monotonic() + 0.05
    while time.monotonic() < until:
        pass
    assert throttle.rest() >= 0.05
    assert Throttle(1.0).rest() == 0


def test_a_lower_load_has_fewer_requests_in_flight_and_at_least_one():
    settings = Settings()
    assert throttled(settings, 1.0) == settings
    half, least = throttled(settings, 0.5), throttled(settings, 0.05)
    assert half.triton.in_flight == settings.triton.in_flight // 2
    assert (least.triton.in_flight, least.worker.slices_in_flight) == (1, 1)


@pytest.mark.parametrize(("since", "until", "ids"), [(None, None, "abc"), (2, None, "bc"), (None, 3, "ab")])
async def test_files_are_merged_by_time_and_cut_by_the_window(
    tmp_path: Path, since: int | None, until: int | None, ids: str
):
    rows = {"one.csv": "id,event_time,content\nc,2026-06-03T00:00:00Z,x\na,2026-06-01T00:00:00Z,x\n",
            "two.csv": "id,event_time,content\nb,2026-06-02T00:00:00Z,x\nbad,never,x\n"}  # fmt: skip
    for name, text in rows.items():
        (tmp_path / name).write_text(text)
    day = {number: datetime(2026, 6, number, tzinfo=UTC) for number in (2, 3)}
    request = Request(
        "files", topics=("news.raw.v1",), files=tuple(str(tmp_path / name) for name in rows),
        until=day[until] if until else None,
    )  # fmt: skip
    with FileHistory.open(request, LIMITS, day[since] if since else None) as history:
        (source, span), *_ = history.spans().items()
        assert span == OffsetSpan(0, len(ids))
        history.start({source: OffsetSpan(1, len(ids))})
        found = await history.fetch()
        assert await history.at_end()
    assert "".join((record.key or b"").decode() for record in found) == ids[1:]
    assert [record.offset for record in found] == list(range(1, len(ids)))
    assert history.bad.count == 1
