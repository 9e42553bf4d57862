"""One HTML page that needs nothing but itself: headings, tables, pictures inside. For reports that are sent around."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from html import escape
from io import BytesIO
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

STYLE = """
body{font:15px/1.5 system-ui,sans-serif;max-width:64rem;margin:2rem auto;padding:0 1rem;color:#1b1f23}
h1{font-size:1.6rem}h2{font-size:1.2rem;margin-top:2.2rem;border-bottom:1px solid #d0d7de}
table{border-collapse:collapse;font-variant-numeric:tabular-nums;font-size:.9rem;margin:.8rem 0}
th,td{padding:.25rem .7rem;border-bottom:1px solid #eaeef2;text-align:right}th:first-child,td:first-child{text-align:left}
p.warning{background:#fff8c5;border-left:4px solid #d4a72c;padding:.5rem .8rem;margin:.5rem 0}
img{max-width:100%}code{background:#f6f8fa;padding:.1rem .3rem}
"""


@dataclass(slots=True)
class Page:
    """Collects sections in order."""

    title: str
    parts: list[str] = field(default_factory=list)

    def heading(self, text: str) -> None:
        """A section begins."""
        self.parts.append(f"<h2>{escape(text)}</h2>")

    def paragraph(self, text: str, *, warning: bool = False) -> None:
        """Plain text."""
        mark = ' class="warning"' if warning else ""
        self.parts.append(f"<p{mark}>{escape(text)}</p>")

    def table(self, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        """Cells are shown as they print."""
        head = "".join(f"<th>{escape(name)}</th>" for name in header)
        body = "".join(
            "<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>" for row in rows
        )
        self.parts.append(f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>")

    def picture(self, png: bytes, text: str) -> None:
        """A picture inside the page."""
        data = base64.b64encode(png).decode()
        self.parts.append(f'<img alt="{escape(text)}" src="data:image/png;base64,{data}">')

    def html(self) -> str:
        """The whole page."""
        return (
            '<!doctype html><html lang="en"><head><meta charset="utf-8">'
            f"<title>{escape(self.title)}</title><style>{STYLE}</style></head>"
            f"<body><h1>{escape(self.title)}</h1>{''.join(self.parts)}</body></html>\n"
        )

    def write(self, path: Path) -> Path:
        """Save it."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self.html(), encoding="utf-8")
        return path


def new_figure(width: float, height: float) -> Any:
    """A figure that draws without a screen."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415 - a second that only pictures need
    from matplotlib.figure import Figure  # noqa: PLC0415

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def png(figure: Any) -> bytes:
    """The figure as PNG."""
    buffer = BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    return buffer.getvalue()
