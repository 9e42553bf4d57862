"""What the launcher asks of a part."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import signal
    from collections.abc import Mapping
    from datetime import timedelta

    from streams.local.processes import Launch, Ownership, ProcessId


class Part(Protocol):
    """Kafka, Triton or PostgreSQL as one child process with named ports.

    Callers hold the copy's lock around everything but `check` and `describe`.
    """

    name: str
    port_names: tuple[str, ...]
    polite: signal.Signals
    """The signal that asks for an orderly stop."""
    grace: timedelta
    """How long an orderly stop may take before it is a kill."""

    def require(self) -> None:
        """Refuse in one line when something that must be installed is not.

        Raises:
            Misconfigured: it names what to install or to set.
        """

    def prepare(self, ports: Mapping[str, int]) -> Launch:
        """Write configuration and data so that the returned command can start; idempotent."""

    def settle(self, ports: Mapping[str, int]) -> None:
        """What remains to be done once it answers: idempotent, before it counts as ready."""

    def check(self, ports: Mapping[str, int], limit: timedelta) -> None:
        """Use it for real.

        Raises:
            Unavailable: it does not answer as it should (yet).
            Misconfigured: it never will.
        """

    def describe(self, ports: Mapping[str, int]) -> dict[str, str]:
        """Its addresses under the names of `status --json`."""

    def ownership(self, recorded: ProcessId | None) -> Ownership:
        """How its processes are recognised."""

    def sweep(self) -> None:
        """Remove what it leaves outside the state directory once nothing of it runs."""

    def purge(self) -> None:
        """Remove its data."""
