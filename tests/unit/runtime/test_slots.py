import subprocess
import sys
import uuid
from contextlib import ExitStack

import pytest

from streams.errors import Misconfigured
from streams.runtime.slots import SLOTS, instance_slot

HOLD = """
from streams.runtime.slots import instance_slot
with instance_slot({!r}, "b:1") as slot:
    print(slot, flush=True)
    input()
"""


@pytest.fixture
def group() -> str:
    return uuid.uuid4().hex


def test_workers_of_a_group_get_different_ids_and_the_first_one_again_when_it_is_free(group: str):
    with instance_slot(group, "b:1") as first:
        with instance_slot(group, "b:1") as second:
            assert first != second
        with instance_slot(group, "b:1") as third:
            assert third == second
    with instance_slot(group, "b:1") as again:
        assert again == first


def test_groups_and_brokers_do_not_share_slots(group: str):
    with instance_slot(group, "b:1") as one, instance_slot(group, "b:2") as other:
        assert one == other


def test_a_killed_process_frees_its_slot(group: str):
    with subprocess.Popen(
        [sys.executable, "-c", HOLD.format(group)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        held = process.stdout.readline().strip()
        with instance_slot(group, "b:1") as beside:
            assert beside != held
        process.kill()
    with instance_slot(group, "b:1") as after:
        assert after == held


def test_there_is_an_end_to_the_slots(group: str):
    with ExitStack() as stack:
        for _ in range(SLOTS):
            stack.enter_context(instance_slot(group, "b:1"))
        with pytest.raises(Misconfigured, match="INSTANCE_ID"):
            stack.enter_context(instance_slot(group, "b:1"))
