"""`/metrics`, `/live` and `/ready` of a worker: on loopback, or anywhere with a bearer token."""

from __future__ import annotations

import hmac
import ipaddress
import json
import logging
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from aiohttp import web

from streams.errors import Misconfigured
from streams.telemetry import SERVING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from streams.settings import WebSettings

    Page = Callable[[str], tuple[bytes, str]]
    Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

log = logging.getLogger(__name__)

TRIES = 64
"""Workers of one host take neighbouring ports."""


def check_exposure(settings: WebSettings) -> None:
    """Refuse to be reached from elsewhere by everybody.

    Raises:
        Misconfigured: another address than loopback, and no token.
    """
    if not settings.token.get_secret_value() and not is_loopback(settings.host):
        raise Misconfigured(
            f"SENTIWATCH_WEB__HOST={settings.host} is no loopback address: set SENTIWATCH_WEB__TOKEN"
            " (or …_TOKEN_FILE), which every request must then carry"
        )


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a listener there; names other than localhost are not looked up."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class Pages:
    """The handlers."""

    def __init__(
        self,
        metrics: Page,
        not_live: Callable[[], list[str]],
        not_ready: Callable[[], Awaitable[list[str]]],
    ) -> None:
        self._metrics = metrics
        self._not_live = not_live
        self._not_ready = not_ready

    async def metrics(self, request: web.Request) -> web.Response:
        body, content_type = self._metrics(request.headers.get("Accept", ""))
        return web.Response(body=body, headers={"Content-Type": content_type})

    async def live(self, _request: web.Request) -> web.Response:
        return verdict(self._not_live())

    async def ready(self, _request: web.Request) -> web.Response:
        return verdict(await self._not_ready())


def verdict(wrong: list[str]) -> web.Response:
    """200, or 503 with the reasons."""
    body = json.dumps({"ok": not wrong, "wrong": wrong})
    return web.Response(text=body, status=503 if wrong else 200, content_type="application/json")


def guard(token: str) -> Any:
    """Lets only requests through that carry the token, where there is one."""

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        told = request.headers.get("Authorization", "")
        if token and not hmac.compare_digest(told.encode(), f"Bearer {token}".encode()):
            return web.Response(status=401, headers={"WWW-Authenticate": "Bearer"})
        return await handler(request)

    return check


@asynccontextmanager
async def served(settings: WebSettings, pages: Pages) -> AsyncIterator[str]:
    """Serve the pages meanwhile; yields their address, empty where they are switched off.

    Raises:
        Misconfigured: see `check_exposure`; or no port is free.
    """
    check_exposure(settings)
    if not settings.port:
        yield ""
        return
    app = web.Application(middlewares=[guard(settings.token.get_secret_value())])
    app.router.add_get("/metrics", pages.metrics)
    app.router.add_get("/live", pages.live)
    app.router.add_get("/ready", pages.ready)
    runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=1.0)
    await runner.setup()
    try:
        port = await listen(runner, settings)
        address = f"http://{settings.host}:{port}"
        log.info("%s on %s", SERVING, address)
        yield address
    finally:
        await runner.cleanup()


async def listen(runner: web.AppRunner, settings: WebSettings) -> int:
    """Listen on the port of the settings, or on the next free one."""
    for port in range(settings.port, min(settings.port + TRIES, 65_536)):
        try:
            await web.TCPSite(runner, settings.host, port).start()
        except OSError:
            continue
        return port
    raise Misconfigured(f"SENTIWATCH_WEB__PORT: none of the {TRIES} ports from {settings.port} on is free")
