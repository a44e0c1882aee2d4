"""Hold a topic's table, and write it in Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Table:
    """A table with notes, not drawn yet."""

    title: str
    columns: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    notes: Sequence[str] = ()
    """Lines below the table: what was counted, what differs, what could not be measured."""


def markdown(table: Table) -> str:
    """Return the table in GitHub's Markdown, with a bold title above and the notes below."""
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
