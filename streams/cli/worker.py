"""`sentiwatch worker`: consume live topics."""

from __future__ import annotations

import asyncio
import signal
from functools import partial
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from typing import Any, TypeVar

    from streams.runtime.status import WorkerStatus
    from streams.settings import Settings

    T = TypeVar("T")

LOG_EVERY_SECONDS = 10.0
LEAVE_SECONDS = 2.0
# Connections are closed meanwhile, and the one line that says why is written.
ERROR_SECONDS = 10.0


def worker(
    drain: bool = typer.Option(
        False, "--drain", help="End when everything up to the present end offsets is stored and closed."
    ),
    json_output: bool = typer.Option(False, "--json", help="Print the closing figures as JSON."),
) -> None:
    """Consume news.raw.v1 and social.raw.v1, score, store, close windows, raise alerts.

    SIGTERM ends it cleanly within 30 s. Example: sentiwatch worker --drain
    """
    from streams.logs import set_up_logging
    from streams.runtime.web import check_exposure
    from streams.settings import load_settings

    settings = load_settings()
    set_up_logging(settings)
    check_exposure(settings.web)
    signal.signal(signal.SIGTERM, stop_before_start)
    exit_status = 1
    try:
        run_loop(served(settings, drain=drain, as_json=json_output))
        exit_status = 0
    finally:
        leave_soon(exit_status)


def leave_soon(exit_status: int, seconds: float = LEAVE_SECONDS) -> None:
    """Everything has ended but, perhaps, a thread of the Kafka driver that waits for a broker which never answers."""
    from streams.runtime.watchdog import Deadline

    Deadline(seconds, status=exit_status).start()


def stop_before_start(_number: int, _frame: object) -> None:
    """SIGTERM before the worker has taken it over: nothing is in flight yet."""
    raise SystemExit(0)


def run_loop(main: Coroutine[Any, Any, T]) -> T:
    """Run on uvloop where it is installed."""
    try:
        import uvloop

        factory: Callable[[], asyncio.AbstractEventLoop] | None = uvloop.new_event_loop
    except ImportError:
        factory = None
    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(main)


async def served(settings: Settings, *, drain: bool, as_json: bool) -> None:
    """One worker, and its closing figures."""
    status = await serve(settings, drain=drain, failed=partial(leave_soon, 1, ERROR_SECONDS))
    print_status(status, as_json=as_json)
    if status.left_behind:
        leave_soon(0)  # closing the loop waits for whatever waits for a part that does not answer


async def serve(
    settings: Settings,
    *,
    drain: bool,
    watch: Callable[[WorkerStatus], None] | None = None,
    failed: Callable[[], None] = lambda: None,
) -> WorkerStatus:
    """One worker from start-up to its end; progress goes to ``watch``, a bar, or log lines; ``failed`` hears of an error."""
    from streams.bootstrap import open_service
    from streams.cli.progress import watching
    from streams.runtime.slots import instance_slot
    from streams.runtime.worker import Worker

    async with open_service(settings) as service:
        with (
            instance_slot(settings.kafka.group, settings.kafka.bootstrap) as slot,
            watching(drain=drain) as shown,
        ):
            instance_id = settings.kafka.instance_id or slot
            try:
                return await Worker(service, instance_id, watch or shown).run(drain=drain)
            except BaseException:
                failed()
                raise


def print_status(status: WorkerStatus, *, as_json: bool) -> None:
    """The closing figures."""
    import json
    import resource

    rate = status.documents / status.consumed_seconds if status.consumed_seconds else 0.0
    figures = {
        "records": status.records,
        "documents": status.documents,
        "mentions": status.mentions,
        "dead_letters": status.dead_letters,
        "panes_closed": status.panes_closed,
        "alerts_opened": status.alerts_opened,
        "seconds": round(status.consumed_seconds, 2),
        "documents_per_second": round(rate, 1),
        "peak_memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
    }
    if as_json:
        typer.echo(json.dumps(figures))
    else:
        typer.echo(", ".join(f"{name.replace('_', ' ')} {value}" for name, value in figures.items()))
