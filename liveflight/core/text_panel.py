"""Describe panels of text for the performer: rows of cells. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Tone = Literal["normal", "dim", "accent", "alarm"]
"""Colour of a text: `dim` for labels and headings, `accent` for states, `alarm` for faults."""


@dataclass(frozen=True, slots=True)
class Text:
    """One text of a row."""

    text: str
    tone: Tone = "normal"
    width: float = 0.0
    """Width in type sizes, to which a longer text is cut; 0 is as wide as the text."""
    right: bool = False
    """Whether it stands at the right end of its width, as numbers do."""


@dataclass(frozen=True, slots=True)
class Bars:
    """Bars side by side, each drawn from the level of its name; levels may change every frame."""

    names: tuple[str, ...]
    width: float
    """Width of all in type sizes."""


Level = tuple[float, float]
"""Where a bar begins and ends, as shares of its width: 0..1."""

Cell = Text | Bars
Row = tuple[Cell, ...]
Panel = tuple[Row, ...]


def panel(rows: Iterable[Row]) -> Panel:
    return tuple(rows)


def row(*cells: Cell | str) -> Row:
    """Return a row; a plain string is a normal text."""
    return tuple(Text(cell) if isinstance(cell, str) else cell for cell in cells)


def of_lines(lines: Iterable[str]) -> Panel:
    """Return a panel of plain text; a tab separates columns."""
    return tuple(row(*line.split("\t")) for line in lines)


def words(panel: Panel) -> list[str]:
    """Return a panel's texts as lines with tabs between the cells."""
    return ["\t".join(cell.text for cell in row if isinstance(cell, Text)) for row in panel]
