from __future__ import annotations

from typing import TYPE_CHECKING

from streams.local.layout import Layout
from streams.local.postgres import LocalPostgres
from streams.local.state import StateStore
from streams.local.system_memory import remove_segment

if TYPE_CHECKING:
    from pathlib import Path


def test_describes_itself_by_urls_that_log_in(tmp_path: Path) -> None:
    store = StateStore(tmp_path / "run")
    part = LocalPostgres(Layout(tmp_path, tmp_path), "postgres@here", store)
    described = part.describe({"server": 20002})
    password = store.secret("postgres.sentiwatch")
    assert described["url"] == f"postgresql://sentiwatch:{password}@127.0.0.1:20002/sentiwatch"
    assert described["bi_url"].startswith("postgresql://bi_reader:")


def test_segment_that_is_not_the_one_meant_stays() -> None:
    assert not remove_segment(key=1, identifier=2**30)
