"""A few hundred malformed records through broker and worker: each one dead letter with its reason, or one document."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.service import Deployment

pytestmark = pytest.mark.e2e


def test_every_malformed_record_becomes_what_it_must_and_so_do_its_neighbours(deployment: Deployment):
    found = json.loads(
        deployment.command("edges", "bench", "edges", "--records", "250", "--rounds", "0", "--json")
    )
    assert (found["records"], found["as_expected"]) == (750, 750), found["wrong_by_kind"]
    assert found["unexpected_rows"] == 0
