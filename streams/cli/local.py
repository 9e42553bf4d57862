"""`sentiwatch local up | down | status`."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from streams.local.addresses import Addresses
    from streams.local.launcher import LocalParts, PartStatus

app = typer.Typer(
    help="The local Kafka, Triton and PostgreSQL, without containers.\n\nExample: sentiwatch local up",
    no_args_is_help=True,
)

NAMES = ("kafka", "triton", "postgres")
ONLY = typer.Option("--only", help="comma-separated: kafka, triton, postgres", metavar="PARTS")
PURGE = typer.Option("--purge", help="also remove their data, logs and passwords")
JSON = typer.Option("--json", help="machine-readable, with the log-in URLs")
Only = Annotated[str, ONLY]


@app.command()
def up(only: Only = ",".join(NAMES)) -> None:
    """Start the parts and wait until each is ready.

    Example: sentiwatch local up --only kafka,postgres
    """
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    parts, names, began = _local_parts(), _chosen(only), time.monotonic()
    name_column, stage_column = TextColumn("{task.description:9}"), TextColumn("{task.fields[stage]}")
    columns = SpinnerColumn(), name_column, TimeElapsedColumn(), stage_column
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        tasks = {name: progress.add_task(name, total=1, stage="") for name in names}

        def tell(part: str, stage: str) -> None:
            progress.update(tasks[part], stage=stage, completed=int(stage.startswith("ready")))
            if not console.is_terminal and stage.startswith("ready"):
                console.print(f"{part:9} {stage}", highlight=False)

        addresses = parts.up(names, tell)
    _print_addresses(addresses)
    typer.echo(f"ready in {time.monotonic() - began:.1f} s; stop with `sentiwatch local down`")


@app.command()
def down(
    purge: Annotated[bool, PURGE] = False,
    only: Only = ",".join(NAMES),
) -> None:
    """Stop the parts, and whatever an earlier launcher left behind.

    Example: sentiwatch local down --purge
    """
    parts = _local_parts()
    ended = parts.down(_chosen(only), purge=purge)
    suffix = f"; data in {parts.layout.data} removed" if purge else ""
    typer.echo(f"stopped ({ended} processes ended){suffix}")


@app.command()
def status(as_json: Annotated[bool, JSON] = False) -> None:
    """Check each part for real and say where it listens.

    Example: sentiwatch local status --json
    """
    found = _local_parts().status()
    if as_json:
        typer.echo(json.dumps({name: _as_json(name, part) for name, part in found.items()}, indent=2))
        return
    for name, part in found.items():
        where = ", ".join(f"{key} {_shown(value)}" for key, value in part.addresses.items())
        typer.echo(f"{name:9} {'ready' if part.ready else 'not ready'}  {where or part.reason}")


FIELDS = {"kafka": ("bootstrap",), "triton": ("grpc", "http", "metrics"), "postgres": ("url", "bi_url")}


def _as_json(name: str, part: PartStatus) -> dict[str, object]:
    content: dict[str, object] = {"ready": part.ready, **dict.fromkeys(FIELDS[name]), **part.addresses}
    content |= {"external": part.external, "pid": part.pid}
    return content if part.ready else {**content, "reason": part.reason}


def _local_parts() -> LocalParts:
    """The launcher of this state directory; parts that the settings point at are left to others."""
    from streams.local.addresses import Addresses
    from streams.local.launcher import LocalParts
    from streams.settings import Settings, load_settings

    load_settings()  # refuses wrong settings in one line
    given = Settings()  # as given: without the addresses of local parts filled in
    external = Addresses(
        kafka=given.kafka.bootstrap or None,
        triton=given.triton.url or None,
        postgres=given.postgres.address or None,
    )
    models = given.model_repo if "model_repo" in given.model_fields_set else None
    return LocalParts(external=external, models=models)


def _chosen(only: str) -> list[str]:
    names = [name.strip() for name in only.split(",") if name.strip()]
    unknown = sorted(set(names) - set(NAMES))
    if unknown or not names:
        raise typer.BadParameter(f"{', '.join(unknown) or 'nothing'}: choose from {', '.join(NAMES)}")
    return names


def _print_addresses(found: Addresses) -> None:
    triton = f"{found.triton} (gRPC), {found.triton_http} (HTTP), {found.triton_metrics}"
    rows = {
        "kafka": found.kafka,
        "triton": found.triton and triton,
        "postgres": found.postgres and _shown(found.postgres),
    }
    for name, where in rows.items():
        if where:
            typer.echo(f"{name:9} {where}")


def _shown(address: str) -> str:
    """The address without its password."""
    scheme, separator, rest = address.partition("://")
    if not separator or "@" not in rest:
        return address
    account, _, place = rest.rpartition("@")
    return f"{scheme}://{account.partition(':')[0]}:***@{place}"
