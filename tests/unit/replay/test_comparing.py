from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from streams.domain.comparison import AlertRow, compare
from streams.replay.comparing import Compared

if TYPE_CHECKING:
    from pathlib import Path

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def alert(entity: str, hours: float = 0, severity: str = "error") -> AlertRow:
    return AlertRow(f"negative_surge|{entity}|all|all", NOON + timedelta(hours=hours), severity, 9, 0.5, 1e-8)


COMPARED = Compared(
    "june",
    "<strict>",
    ({"detector": {"count_p": 1e-5}}, {"detector": {"count_p": 1e-8}}),
    compare(
        [alert("us.a"), alert("us.b"), alert("us.c"), alert("us.d")],
        [alert("us.b", 1), alert("us.c", severity="critical"), alert("us.d"), alert("us.e")],
        timedelta(days=1),
    ),
)


def test_every_outcome_is_counted_listed_and_told():
    found = COMPARED.as_dict()
    assert [len(found[name]) for name in ("only_a", "only_b", "changed", "moved", "changed_severity")] == [
        1,
        1,
        2,
        1,
        1,
    ]
    assert found["same"] == 1
    lines = "\n".join(COMPARED.lines())
    assert "setting detector.count_p: 1e-05 in june, 1e-08 in <strict>" in lines
    assert (
        "1 only in june, 1 only in <strict>, 2 changed (1 moved, 1 of another severity), 1 the same" in lines
    )


def test_the_page_holds_its_picture_and_escapes_names(tmp_path: Path):
    page = COMPARED.write(tmp_path / "deep" / "page.html").read_text()
    assert "data:image/png;base64," in page
    assert "<strict>" not in page
    assert "&lt;strict&gt;" in page


def test_runs_without_alerts_make_a_page_too(tmp_path: Path):
    empty = Compared("a", "b", ({}, {}), compare([], [], timedelta(days=1)))
    assert "img" not in empty.write(tmp_path / "page.html").read_text().split("</style>")[1]
