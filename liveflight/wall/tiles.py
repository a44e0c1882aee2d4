"""Name the tiles of a wall: what each rank's display shows of the canvas, and what it owns.

In canvas pixels, from the canvas's top left. Ranks count row by row. `layout` divides a canvas.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from liveflight.core.contracts import Size
from liveflight.core.rect import Rect


@dataclass(frozen=True)
class Tile:
    """The part of the canvas that belongs to one rank."""

    rank: int
    column: int
    row: int
    shown: Rect
    """The part of the canvas that its display shows."""
    owned: Rect
    """Its cell of a partition of the canvas, with borders in the middle of overlaps and gaps."""
    turns: int
    """Quarter turns of the picture on its display, clockwise, 0..3."""
    display: int | None
    """Number of its display on its own machine; None leaves the choice to the program."""
    soft: tuple[int, int, int, int]
    """Canvas pixels of soft edge on the left, top, right and bottom of `shown`."""

    @property
    def plain(self) -> Tile:
        """Return it as it is rendered into a file: upright, without soft edges."""
        return replace(self, turns=0, soft=(0, 0, 0, 0))

    @property
    def picture(self) -> Size:
        """Return the size of `shown` as it stands on the display: turned."""
        width, height = self.shown.size
        return (height, width) if self.turns % 2 else (width, height)


@dataclass(frozen=True)
class Wall:
    """A canvas and its tiles, by rank."""

    canvas: Size
    columns: int
    rows: int
    tiles: tuple[Tile, ...]

    @property
    def ranks(self) -> range:
        """Return the ranks."""
        return range(len(self.tiles))

    def neighbours(self, rank: int) -> dict[str, int]:
        """Return the ranks on the `left` and `right`, `above` and `below`, as far as there are."""
        column, row = self.tiles[rank].column, self.tiles[rank].row
        places = {
            "left": (column - 1, row),
            "above": (column, row - 1),
            "right": (column + 1, row),
            "below": (column, row + 1),
        }
        return {
            side: y * self.columns + x
            for side, (x, y) in places.items()
            if 0 <= x < self.columns and 0 <= y < self.rows
        }
