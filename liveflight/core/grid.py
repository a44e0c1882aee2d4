"""Where the tiles of a grid stand on an output, and which of them are seen. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np

LEAST = 32
"""Pixels from tile to tile, at least: smaller thumbnails are not recognised."""

_SMALLEST_TYPE = 12
_LETTER = 0.48
"""An average letter's width, of the type's size; what is written here takes less."""


def type_size(size: tuple[int, int]) -> int:
    """Return the size in pixels of the type on an output of that width and height."""
    return max(round(min(size[1], size[0] * 9 / 16) / 40), _SMALLEST_TYPE)


@dataclass(frozen=True, slots=True)
class Grid:
    """Tiles in rows of `columns`, numbered row by row, in the middle of an output. Those that do
    not fit are scrolled to: `row` and `column` are the first that are seen."""

    size: tuple[int, int]
    """The output's width and height in pixels."""
    count: int
    """How many tiles there are, at least 1."""
    columns: int
    above: int = 0
    """Pixels that are taken above the grid."""
    below: int = 0
    row: int = 0
    column: int = 0

    @property
    def rows(self) -> int:
        return -(-self.count // self.columns)

    @property
    def pitch(self) -> int:
        """Pixels from tile to tile: so many that whole rows fit, if those are not too few."""
        return max(self.size[0] * 19 // 20 // self.columns, LEAST)

    @property
    def across(self) -> int:
        """How many columns are seen."""
        return min(self._room_across, self.columns, self.count)

    @property
    def down(self) -> int:
        """How many rows are seen."""
        room = (self.size[1] - self.above - self.below) // self.pitch
        return min(max(room, 1), self.rows)

    @property
    def left(self) -> int:
        """Pixels to the left of the grid."""
        return (self.size[0] - min(self._room_across, self.columns) * self.pitch) // 2

    @property
    def _room_across(self) -> int:
        return max(self.size[0] * 19 // 20 // self.pitch, 1)

    def scrolled(self, row: int, column: int) -> Self:
        """Return the grid from that row and column on, as far as there are tiles."""
        row = max(min(row, self.rows - self.down), 0)
        column = max(min(column, min(self.columns, self.count) - self.across), 0)
        return replace(self, row=row, column=column)

    def showing(self, place: int) -> Self:
        """Return the grid scrolled as little as it takes to show a tile."""
        row, column = divmod(place, self.columns)
        return self.scrolled(
            min(max(self.row, row - self.down + 1), row),
            min(max(self.column, column - self.across + 1), column),
        )

    def nearest(self, place: int) -> int:
        """Return the tile that is seen and nearest to another."""
        row, column = divmod(place, self.columns)
        row = min(max(row, self.row), self.row + self.down - 1)
        column = min(max(column, self.column), self.column + self.across - 1)
        return min(row * self.columns + column, self.count - 1)

    def corner(self, place: int) -> tuple[int, int] | None:
        """Return the left and top of a tile in pixels; None where it is not seen."""
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
"""Names of keys, and what they do."""


@dataclass(frozen=True)
class Page:
    """A page of an atlas as it is to be drawn."""

    grid: Grid
    title: str
    note: tuple[str, ...]
    """Lines of what is said beside the title, or below it."""
    beside: bool
    keys: tuple[Keys, ...]
    """Lines of them."""
    filters: tuple[int, ...]
    """The number of the filter at each place."""
    starred: frozenset[int]
    """Places with a star."""
    cursor: int
    """A place."""
    caption: tuple[str, ...]
    """Lines about what is under the cursor."""
    sheet: str
    """A name of the picture that no other has; empty where there is none."""
    picture: Callable[[], np.ndarray] | None = field(compare=False)
    """What gives the thumbnails in the grid's order, uint8 (rows * side, columns * side, 3): on
    another thread, and for long. Raises LiveflightError where there are none after all."""


def letters(size: tuple[int, int]) -> int:
    """Return how many letters a line across an output of that width and height holds."""
    return round(size[0] * 0.95 / (_LETTER * type_size(size)))


def wrapped(keys: Keys, size: tuple[int, int]) -> tuple[Keys, ...]:
    """Return keys in as many lines as fit an output of that width and height."""
    room = letters(size)
    lines: list[list[tuple[str, str]]] = [[]]
    for name, help in keys:
        taken = sum(len(one) + len(other) + 3 for one, other in lines[-1])
        if lines[-1] and taken + len(name) + 1 + len(help) > room:
            lines.append([])
        lines[-1].append((name, help))
    return tuple(map(tuple, lines))
