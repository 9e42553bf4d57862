from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.service import Deployment, deployed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streams.local.addresses import Addresses


@pytest.fixture
def deployment(parts: Addresses) -> Iterator[Deployment]:
    with deployed(parts) as made:
        yield made
