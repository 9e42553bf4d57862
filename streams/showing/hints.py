"""Where to look next: commands and SQL to copy."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streams.showing.found import Alert

ALERTS_SQL = """\
SELECT opened_at, severity, state, entity_id, topic, observed,
       round(expected::numeric, 1) AS expected, p_value, sources
FROM bi_v1.alerts ORDER BY opened_at;"""


def masked(url: str) -> str:
    """A log-in URL without its password."""
    scheme, separator, rest = url.partition("://")
    if not separator or "@" not in rest:
        return url
    account, _, place = rest.rpartition("@")
    return f"{scheme}://{account.partition(':')[0]}:***@{place}"


def queries(prefix: str, bi_url: str | None, alerts: Sequence[Alert]) -> str:
    """How to ask the database and the command line; ``prefix`` goes in front of each command of ours."""
    command = f"{prefix}./deploy/sentiwatch"
    some = alerts[0].alert_id if alerts else "ID"
    lines = [
        "While the demo serves, ask it from another terminal:",
        f"  {command} alerts list",
        f"  {command} alerts show {some}",
    ]
    if bi_url:
        reading = "import json, sys; print(json.load(sys.stdin)['postgres']['bi_url'])"
        lines += [
            "or with SQL, as any BI tool would (read-only log-in):",
            f'  BI_URL=$({command} local status --json | python3 -c "{reading}")',
            f'  psql "$BI_URL"     # {masked(bi_url)}',
            *(f"  {line}" for line in ALERTS_SQL.splitlines()),
        ]
    return "\n".join(lines)
