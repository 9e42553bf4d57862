"""Where the parts listen: what `up` returns and what the settings fall back to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from streams.local.layout import default_layout
from streams.local.processes import is_alive
from streams.local.state import StateStore

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Addresses:
    """One address a field; None means: not there.

    ``kafka``, ``triton`` (gRPC) and ``triton_http`` are host:port, the others are URLs; those of
    Postgres hold passwords.
    """

    kafka: str | None = None
    triton: str | None = None
    postgres: str | None = None
    triton_http: str | None = None
    triton_metrics: str | None = None
    postgres_bi: str | None = None


def read_addresses(root: Path | None = None) -> Addresses | None:
    """The addresses of the local parts that run now (not probed); None when none does."""
    store = StateStore(default_layout(root).run)
    found: dict[str, dict[str, str]] = {}
    for part in ("kafka", "triton", "postgres"):
        state = store.read(part)
        if state.process is not None and is_alive(state.process):
            found[part] = dict(state.addresses)
    return combine(found) if found else None


def combine(found: dict[str, dict[str, str]]) -> Addresses:
    """Addresses from the parts' own descriptions, as `status --json` shows them."""
    triton, postgres = found.get("triton", {}), found.get("postgres", {})
    return Addresses(
        kafka=found.get("kafka", {}).get("bootstrap"),
        triton=triton.get("grpc"),
        triton_http=triton.get("http"),
        triton_metrics=triton.get("metrics"),
        postgres=postgres.get("url"),
        postgres_bi=postgres.get("bi_url"),
    )
