from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from streams.errors import Unavailable
from streams.local.addresses import read_addresses
from streams.local.processes import ProcessId, identify
from streams.local.state import PartState, StateStore

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def store(tmp_path: Path) -> StateStore:
    return StateStore(tmp_path / "run")


def running(process: ProcessId | None) -> PartState:
    return PartState(process, {"broker": 20001}, {"bootstrap": "127.0.0.1:20001"})


def test_state_survives_the_launcher(store: StateStore) -> None:
    state = running(ProcessId(1, 2, "boot"))
    store.write("kafka", state)
    assert StateStore(store.directory).read("kafka") == state


@pytest.mark.parametrize("content", ["", "{", "[]", '{"process": {"pid": 1}, "ports": {}, "addresses": {}}'])
def test_damaged_state_reads_as_nothing_started(store: StateStore, content: str) -> None:
    store.directory.mkdir()
    (store.directory / "kafka.json").write_text(content)
    assert store.read("kafka") == PartState()


def test_password_stays_the_same_and_is_readable_by_its_owner_only(store: StateStore) -> None:
    first = store.secret("postgres.sentiwatch")
    assert store.secret("postgres.sentiwatch") == first
    assert store.secret("postgres.bi_reader") != first
    assert len(first) >= 24
    assert (store.directory / "secrets.json").stat().st_mode & 0o777 == 0o600


def test_second_launcher_is_refused_while_the_first_is_at_work(store: StateStore) -> None:
    with store.lock(), pytest.raises(Unavailable, match="another launcher"), store.lock(timedelta(0)):
        pass
    with store.lock(timedelta(0)):
        pass


def test_address_of_a_part_that_runs_is_read(tmp_path: Path, store: StateStore) -> None:
    store.write("kafka", running(identify(1)))
    found = read_addresses(tmp_path)
    assert found is not None
    assert found.kafka == "127.0.0.1:20001"
    assert found.triton is None


def test_address_of_a_part_that_ended_is_not_offered(tmp_path: Path, store: StateStore) -> None:
    store.write("kafka", running(ProcessId(1, 1, "an earlier boot")))
    assert read_addresses(tmp_path) is None
