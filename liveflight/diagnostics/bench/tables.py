"""A topic's table, before anybody draws it, and its form for a README."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Table:
    title: str
    columns: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    notes: Sequence[str] = ()
    """What has to be known to read it: what was counted, what differs, what could not be done."""


def markdown(table: Table) -> str:
    """GitHub's form, the title in bold above and the notes below."""
    lines = [f"**{table.title}**", ""]
    if table.rows:
        lines.append(_row(table.columns))
        lines.append(_row(["---"] * len(table.columns)))
        lines.extend(_row(row) for row in table.rows)
        lines.append("")
    lines.extend(f"- {note}" for note in table.notes)
    return "\n".join(lines).rstrip() + "\n"


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"
