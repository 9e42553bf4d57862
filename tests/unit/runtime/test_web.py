"""Who may read the status endpoints, and what they say."""

from __future__ import annotations

import socket
import time

import aiohttp
import pytest

from streams.adapters.memory.documents import MemoryDocumentStore
from streams.errors import Misconfigured, Unavailable
from streams.runtime.health import Health
from streams.runtime.status import DependencyStatus, PartitionStatus, WorkerStatus
from streams.runtime.web import Pages, check_exposure, is_loopback, served
from streams.settings import Settings, WebSettings
from tests.builders import LATENESS, NEWS

TOKEN = "marked-token-0123456789"


def pages(wrong: list[str] | None = None) -> Pages:
    async def not_ready() -> list[str]:
        return wrong or []

    return Pages(lambda _accept: (b"up 1\n", "text/plain; version=0.0.4"), lambda: wrong or [], not_ready)


async def get(address: str, path: str, token: str = "") -> tuple[int, str]:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with aiohttp.ClientSession() as session, session.get(address + path, headers=headers) as answer:
        return answer.status, await answer.text()


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7", "worker.example", ""])  # noqa: S104 - what is refused
def test_another_address_than_loopback_without_a_token_is_refused(host):
    assert not is_loopback(host)
    with pytest.raises(Misconfigured, match="SENTIWATCH_WEB__TOKEN"):
        check_exposure(WebSettings.model_construct(**(WebSettings().model_dump() | {"host": host})))
    check_exposure(WebSettings(host="0.0.0.0", token=TOKEN))  # noqa: S104


def test_by_default_only_this_machine_can_reach_it():
    assert is_loopback(WebSettings().host)
    assert is_loopback("localhost")
    assert is_loopback("::1")


def test_a_token_that_can_be_guessed_is_refused():
    with pytest.raises(ValueError, match="at least 16"):
        WebSettings(token="short")


async def test_pages_are_served_on_loopback(unused_tcp_port: int):
    async with served(WebSettings(port=unused_tcp_port), pages()) as address:
        assert await get(address, "/metrics") == (200, "up 1\n")
        assert (await get(address, "/live"))[0] == 200
        assert (await get(address, "/ready"))[0] == 200
        assert (await get(address, "/anything"))[0] == 404


async def test_what_is_wrong_is_a_503_with_its_reasons(unused_tcp_port: int):
    async with served(WebSettings(port=unused_tcp_port), pages(["kafka does not answer"])) as address:
        for path in ("/live", "/ready"):
            status, body = await get(address, path)
            assert (status, "kafka does not answer" in body) == (503, True)


@pytest.mark.parametrize("path", ["/metrics", "/live", "/ready", "/anything"])
async def test_with_a_token_no_page_is_read_without_it(unused_tcp_port: int, path):
    async with served(WebSettings(port=unused_tcp_port, token=TOKEN), pages()) as address:
        for wrong in ("", "x", TOKEN[:-1], TOKEN + "x"):
            assert await get(address, path, wrong) == (401, "")
        assert (await get(address, path, TOKEN))[0] in {200, 404}


async def test_workers_of_one_host_take_neighbouring_ports(unused_tcp_port: int):
    settings = WebSettings(port=unused_tcp_port)
    async with served(settings, pages()) as first, served(settings, pages()) as second:
        assert first != second
        assert (await get(second, "/live"))[0] == 200


async def test_port_nought_switches_them_off():
    async with served(WebSettings(port=0), pages()) as address:
        assert address == ""


async def test_nothing_listens_afterwards(unused_tcp_port: int):
    async with served(WebSettings(port=unused_tcp_port), pages()):
        pass
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", unused_tcp_port)) != 0


class Store(MemoryDocumentStore):
    away = False

    async def progress(self, partitions):
        if self.away:
            raise Unavailable("gone")
        return await super().progress(partitions)


def health(*, away: bool = False, **changes) -> Health:
    good = {
        "partitions": {NEWS: PartitionStatus(5, 5, 5, 1.0)},
        "dependencies": {"kafka": DependencyStatus("closed", 0, 0, 1e9, "")},
        "models_answered": time.monotonic(),
    }
    status = WorkerStatus(**good | changes)
    store = Store(LATENESS)
    store.away = away
    return Health(lambda: status, store, Settings())


async def test_a_worker_with_everything_is_ready():
    assert await health().not_ready() == []


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"partitions": {}}, "no partition is assigned"),
        ({"dependencies": {"kafka": DependencyStatus("open", 2, 1, 3.0, "gone")}}, "kafka does not answer"),
        ({"models_answered": None}, "synthetic question"),
        ({"models_answered": time.monotonic() - 1e6}, "synthetic question"),
        ({"halted": {"news.raw.v1": "bad"}}, "intake has stopped"),
        ({"away": True}, "postgres does not answer"),
    ],
)
async def test_what_is_missing_for_readiness_is_named(changes, told):
    wrong = await health(**changes).not_ready()
    assert [line for line in wrong if told in line], wrong


def test_a_worker_that_waits_for_a_dependency_is_live_and_one_that_is_stuck_is_not():
    stuck = {NEWS: PartitionStatus(5, 5, 9, 1e6)}
    assert health(partitions=stuck).not_live()
    waiting = {"kafka": DependencyStatus("open", 2, 1, 3.0, "gone")}
    assert health(partitions=stuck, dependencies=waiting).not_live() == []
