"""`sentiwatch alerts`: what was raised, and why."""

from __future__ import annotations

import json
from typing import Any

import typer

from streams.cli.run import with_database

app = typer.Typer(help="Alerts and their evidence. Example: sentiwatch alerts list", no_args_is_help=True)
RUN = typer.Option("live", "--run", help="The run to look at.")
AS_OF = typer.Option("", "--as-of", help="As they were known at this Kafka time, ISO 8601 with its offset.")
JSON = typer.Option(False, "--json", help="Print JSON.")


@app.command("list")
def list_alerts(run: str = RUN, as_of: str = AS_OF, json_output: bool = JSON) -> None:
    """Alerts, oldest first. Example: sentiwatch alerts list --as-of 2026-06-01T14:00:00Z"""
    from streams.adapters.postgres.alerts import list_alerts as read
    from streams.cli.replay import moment

    then = moment(as_of, "--as-of")
    rows = with_database(lambda database: read(database, run, then))
    if json_output:
        typer.echo(json.dumps(rows, default=str))
        return
    _print_table(rows, run)


@app.command()
def show(alert_id: str, run: str = RUN, json_output: bool = JSON) -> None:
    """The dossier of one alert: figures, baseline, sources, documents, the SQL behind it.

    Example: sentiwatch alerts show 1f3a5c7e9b0d
    """
    from streams.adapters.postgres.alerts import dossier

    alert = with_database(lambda database: dossier(database, run, alert_id))
    if json_output:
        typer.echo(json.dumps(alert, default=str))
        return
    _print_dossier(alert)


def _print_table(rows: list[dict[str, Any]], run: str) -> None:
    if not rows:
        typer.echo(f"no alerts in run {run}")
        return
    layout = "{:<12}  {:<20}  {:<8}  {:<8}  {:<16}  {:>3} of {:>6}  {:>6}  {}"
    heads = ("alert", "about", "severity", "state", "opened (UTC)", "obs", "expect", "p", "sources")
    typer.echo(layout.format(*heads))
    for row in rows:
        typer.echo(
            layout.format(
                row["alert_id"], _about(row), row["severity"], row["state"], _utc(row["opened_at"]), row["observed"],
                f"{row['expected']:.2f}", f"{row['p_value']:.0e}", row["sources"],
            )
        )  # fmt: skip


def _about(row: dict[str, Any]) -> str:
    return str(row["topic"] if row["entity_id"] == "MARKET" else row["entity_symbol"] or row["entity_id"])


def _print_dossier(alert: dict[str, Any]) -> None:
    evidence = alert["evidence"]
    name = f"{alert['entity_symbol'] or alert['entity_id']} {alert['entity_name']}".strip()
    ratio = alert["observed"] / max(alert["expected"], 1e-9)
    lines = [
        f"alert {alert['alert_id']} ({alert['run']}): {alert['rule']} of {name}, topic {alert['topic']}",
        (
            f"  {alert['severity']}, {alert['state']}; opened {_utc(alert['opened_at'])},"
            f" known {_utc(alert['known_at'])}, resolved {_utc(alert['resolved_at'])} (UTC)"
        ),
        (
            f"  observed {alert['observed']} negative stories in {alert['span']}, expected {alert['expected']:.2f}"
            f" ({ratio:.0f} times), p = {alert['p_value']:.1e}"
        ),
        (
            f"  share {alert['share_observed']:.0%} of {alert['stories']} stories, expected {alert['share_expected']:.0%},"
            f" p = {alert['share_p_value']:.1e}"
        ),
        (
            f"  {alert['sources']} independent sources ({_counts(evidence.get('sources'))}),"
            f" {alert['documents']} negative documents; topics: {_counts(evidence.get('topics'))}"
        ),
        *(f"  baseline {span}: {_baseline(fitted)}" for span, fitted in evidence.get("baseline", {}).items()),
        f"  models: {_models(evidence.get('model_versions', []))}",
        "history",
        *(f"  {_utc(step['at'])}  {step['kind']} ({step['severity']})" for step in alert["history"]),
        "strongest documents, one a story",
        *(line for document in alert["top_documents"] for line in _document(document)),
        "derived again by",
        f"  {alert['derivation']}",
    ]
    typer.echo("\n".join(lines))


def _document(row: dict[str, Any]) -> list[str]:
    copies = f", {row['copies']} copies" if row["copies"] > 1 else ""
    head = f"  {row['rank']:2}  {_utc(row['event_time'])}  {row['source']}  p_neg {row['p_neg']:.2f}{copies}"
    return [head, f"      {row['title'] or '(erased)'}", *([f"      {row['url']}"] if row["url"] else [])]


def _models(versions: list[str]) -> str:
    """The versions; several make what was expected and what was observed hard to compare, and that is said."""
    mixed = " (MIXED: observed and expected were read by different models)" if len(versions) > 1 else ""
    return ", ".join(versions) + mixed


def _baseline(fitted: dict[str, Any]) -> str:
    return (
        f"{fitted['days']:.1f} days in {fitted['blocks']} blocks as of {fitted['as_of'][:16]},"
        f" level {fitted['level']:.4f} an hour, dispersion {fitted['dispersion']:.2f}"
    )


def _counts(counts: dict[str, int] | None) -> str:
    return ", ".join(f"{name} {count}" for name, count in (counts or {}).items()) or "none"


def _utc(time: Any) -> str:
    from datetime import UTC

    return time.astimezone(UTC).strftime("%Y-%m-%d %H:%M") if time is not None else "not yet"
