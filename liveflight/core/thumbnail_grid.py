"""Lay out a grid of tiles on an output, scroll it, and describe a page of an atlas. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np

from liveflight.core.contracts import Size

SMALLEST_PITCH_PX = 32
"""Pixels from tile to tile at least: smaller thumbnails are not recognised."""

_SMALLEST_TYPE_PX = 12
_LETTER_WIDTH = 0.48
"""Width of an average letter, relative to the size of the type; the texts here take less."""


def type_size(size: Size) -> int:
    """Return the size in pixels of the type on an output of that size."""
    return max(round(min(size[1] / 40, size[0] / 45)), _SMALLEST_TYPE_PX)


@dataclass(frozen=True, slots=True)
class ThumbnailGrid:
    """Place tiles in rows of `columns`, numbered row by row, in the middle of an output.

    A grid that does not fit scrolls: `row` and `column` are the first visible ones."""

    size: Size
    """Size of the output."""
    count: int
    """Number of tiles, at least 1."""
    columns: int
    above: int = 0
    """Pixels reserved above the grid."""
    below: int = 0
    """Pixels reserved below the grid."""
    row: int = 0
    column: int = 0

    @property
    def rows(self) -> int:
        return -(-self.count // self.columns)

    @property
    def pitch(self) -> int:
        """Return the pixels from tile to tile: all columns fit, unless tiles would be too small."""
        return max(self.size[0] * 19 // 20 // self.columns, SMALLEST_PITCH_PX)

    @property
    def across(self) -> int:
        """Return the number of visible columns."""
        return min(self._room_across, self.columns, self.count)

    @property
    def down(self) -> int:
        """Return the number of visible rows."""
        room = (self.size[1] - self.above - self.below) // self.pitch
        return min(max(room, 1), self.rows)

    @property
    def left(self) -> int:
        """Return the pixels to the left of the grid."""
        return (self.size[0] - min(self._room_across, self.columns) * self.pitch) // 2

    @property
    def _room_across(self) -> int:
        return max(self.size[0] * 19 // 20 // self.pitch, 1)

    def scrolled(self, row: int, column: int) -> Self:
        """Return the grid scrolled to that row and column, as far as there are tiles."""
        row = max(min(row, self.rows - self.down), 0)
        column = max(min(column, min(self.columns, self.count) - self.across), 0)
        return replace(self, row=row, column=column)

    def showing(self, place: int) -> Self:
        """Return the grid scrolled as little as possible to show a tile."""
        row, column = divmod(place, self.columns)
        return self.scrolled(
            min(max(self.row, row - self.down + 1), row),
            min(max(self.column, column - self.across + 1), column),
        )

    def nearest(self, place: int) -> int:
        """Return the visible tile nearest to a tile."""
        row, column = divmod(place, self.columns)
        row = min(max(row, self.row), self.row + self.down - 1)
        column = min(max(column, self.column), self.column + self.across - 1)
        return min(row * self.columns + column, self.count - 1)

    def corner(self, place: int) -> tuple[int, int] | None:
        """Return the left and top of a tile in pixels; None where it is not visible."""
        row, column = divmod(place, self.columns)
        down, across = row - self.row, column - self.column
        if not (0 <= down < self.down and 0 <= across < self.across):
            return None
        return self.left + across * self.pitch, self.above + down * self.pitch

    def at(self, x: int, y: int) -> int | None:
        """Return the tile at a pixel; None where there is none."""
        across, down = (x - self.left) // self.pitch, (y - self.above) // self.pitch
        if not (0 <= across < self.across and 0 <= down < self.down):
            return None
        place = (self.row + down) * self.columns + self.column + across
        return place if place < self.count else None


Keys = tuple[tuple[str, str], ...]
"""Names of keys and what they do."""


@dataclass(frozen=True)
class Page:
    """Describe a page of an atlas as it is to be drawn."""

    grid: ThumbnailGrid
    title: str
    note: tuple[str, ...]
    """Lines beside the title, or below it."""
    beside: bool
    """Whether the note stands beside the title."""
    keys: tuple[Keys, ...]
    """Lines of keys."""
    filters: tuple[int, ...]
    """Number of the filter of each tile."""
    starred: frozenset[int]
    """Tiles with a star."""
    cursor: int
    """Tile under the cursor."""
    caption: tuple[str, ...]
    """Lines about the tile under the cursor."""
    sheet: str
    """Unique name of the picture; empty where there is none."""
    picture: Callable[[], np.ndarray] | None = field(compare=False)
    """Returns the thumbnails in the grid's order, uint8 (rows * side, columns * side, 3).

    Called on another thread, as it is slow. Raises LiveflightError where there are none."""


def letters(size: Size) -> int:
    """Return how many letters fit in a line across an output of that size."""
    return round(size[0] * 0.95 / (_LETTER_WIDTH * type_size(size)))


def wrapped(keys: Keys, size: Size) -> tuple[Keys, ...]:
    """Return the keys in lines that fit an output of that size."""
    room = letters(size)
    lines: list[list[tuple[str, str]]] = [[]]
    for name, help in keys:
        taken = sum(len(one) + len(other) + 3 for one, other in lines[-1])
        if lines[-1] and taken + len(name) + 1 + len(help) > room:
            lines.append([])
        lines[-1].append((name, help))
    return tuple(map(tuple, lines))
