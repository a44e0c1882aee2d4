"""Divide a canvas among displays: gaps for bezels, overlaps for projectors, rotations.

Pure arithmetic. Every error names the value, what is allowed and what to do.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from liveflight.core.contracts import LiveflightError, Size
from liveflight.core.rect import Rect
from liveflight.wall.tiles import Tile, Wall

MOST_RANKS = 64
SMALLEST_SIDE_PX, LARGEST_SIDE_PX = 16, 16384
"""Sides that a tile may have: a GPU's largest texture is not smaller."""
ROTATIONS = (0, 90, 180, 270)
MOST_DISPLAY = 99

_GRID = re.compile(r"(\d{1,3})x(\d{1,3})", re.IGNORECASE | re.ASCII)
_LENGTH = re.compile(r"(\d{1,6}(?:\.\d{1,6})?)\s*(px|mm|)", re.IGNORECASE | re.ASCII)


class Length(NamedTuple):
    """A length in pixels or in millimetres."""

    value: float
    unit: str = "px"
    """`px` or `mm`."""

    def __str__(self) -> str:
        return f"{self.value:g} {'mm' if self.unit == 'mm' else 'pixels'}"


NOTHING = Length(0.0)


@dataclass(frozen=True)
class Layout:
    """Hold how the displays of a wall stand, as a user says it."""

    columns: int
    rows: int
    gaps: tuple[Length, Length] = (NOTHING, NOTHING)
    """Hidden canvas between two neighbours' pictures, both bezels together: across, down."""
    overlaps: tuple[int, int] = (0, 0)
    """Pixels that two projectors both show, with soft edges: across, down."""
    rotations: tuple[int, ...] = (0,)
    """Degrees that each picture is turned clockwise on its display; one number is for all."""
    displays: tuple[int, ...] = ()
    """Number of each rank's display; empty leaves the choice to the program."""
    pitch_mm: float = 0.0
    """Millimetres from one pixel of a display to the next; needed for gaps in millimetres."""
    width_mm: float = 0.0
    """Millimetres that a display's picture is wide as it hangs; the pitch follows from it."""

    def wall(self, canvas: Size) -> Wall:
        """Divide a canvas. Raises LiveflightError where it does not fit."""
        _check_count(self.columns, self.rows)
        count = self.columns * self.rows
        rotations = _each("rotation", self.rotations, count, spread=True)
        displays = _each("display", self.displays, count, spread=False) or (None,) * count
        if wrong := [each for each in rotations if each not in ROTATIONS]:
            raise LiveflightError(f"a rotation of {wrong[0]} degrees: it is 0, 90, 180 or 270")
        if wrong := [
            each for each in displays if each is not None and not 0 <= each <= MOST_DISPLAY
        ]:
            raise LiveflightError(f"display {wrong[0]}: its number is from 0 to {MOST_DISPLAY}")
        across, down = self._axes(canvas)
        tiles = []
        for rank in range(count):
            row, column = divmod(rank, self.columns)
            (left, width, near, far), (top, height, up, low) = across.part(column), down.part(row)
            (x, owned_width), (y, owned_height) = across.cell(column), down.cell(row)
            tiles.append(
                Tile(
                    *(rank, column, row),
                    Rect(left, top, width, height),
                    Rect(x, y, owned_width, owned_height),
                    rotations[rank] // 90,
                    displays[rank],
                    (near, up, far, low),
                )
            )
        return Wall(canvas, self.columns, self.rows, tuple(tiles))

    def _axes(self, canvas: Size) -> tuple[_Axis, _Axis]:
        """Return the division across and down."""
        needed = [gap for gap, n in zip(self.gaps, (self.columns, self.rows), strict=True) if n > 1]
        if any(gap.unit == "mm" and gap.value for gap in needed):
            self._check_measures()
        pitch = self.pitch_mm
        if self.width_mm and self.gaps[0].unit == "mm":
            share = self.gaps[0].value / self.width_mm  # of a display's width
            pitch = self.width_mm * (self.columns + (self.columns - 1) * share) / canvas[0]
        across = _axis("wide", canvas[0], self.columns, self.gaps[0], self.overlaps[0], pitch)
        pitch = self.width_mm / across.length if self.width_mm else pitch
        down = _axis("high", canvas[1], self.rows, self.gaps[1], self.overlaps[1], pitch)
        return across, down

    def _check_measures(self) -> None:
        if self.pitch_mm and self.width_mm:
            raise LiveflightError("the displays' pixel pitch and their width: give one of them")
        measure = self.pitch_mm or self.width_mm
        if not (math.isfinite(measure) and measure > 0):
            raise LiveflightError(
                "a gap in millimetres needs the size of a pixel: give the displays' pixel pitch in"
                " millimetres or the width of a display's picture in millimetres, above 0"
            )


@dataclass(frozen=True)
class _Axis:
    """The division of one side of the canvas; all parts have the same length."""

    side: int
    starts: tuple[int, ...]
    length: int
    overlap: int

    def part(self, index: int) -> tuple[int, int, int, int]:
        """Return a part's start and length, and its soft edges before and after."""
        before = self.overlap if index else 0
        after = self.overlap if index < len(self.starts) - 1 else 0
        return self.starts[index], self.length, before, after

    def cell(self, index: int) -> tuple[int, int]:
        """Return the start and the length of what the part owns."""
        ends = [start + self.length for start in self.starts]
        between = [(ends[i] + start) // 2 for i, start in enumerate(self.starts[1:])]
        borders = [0, *between, self.side]
        return borders[index], borders[index + 1] - borders[index]


def _axis(name: str, side: int, count: int, gap: Length, overlap: int, pitch_mm: float) -> _Axis:
    """Divide one side of the canvas, which is so many pixels `name`: wide or high."""
    if count == 1:
        gap, overlap = NOTHING, 0
    if gap.value and overlap:
        raise LiveflightError(
            f"a gap of {gap} and an overlap of {overlap} pixels between the same displays: "
            "give one of them"
        )
    if not (math.isfinite(gap.value) and gap.value >= 0 and overlap >= 0):
        raise LiveflightError(f"a gap of {gap}, an overlap of {overlap} pixels: 0 or more")
    metric = gap.unit == "mm" and gap.value > 0
    spacing = gap.value / pitch_mm if metric else gap.value - overlap
    if (count - 1) * spacing >= side:
        raise LiveflightError(
            f"{count - 1} gap{'s' * (count > 2)} of {gap} in a canvas {side} pixels {name} leave no"
            " picture: choose a larger canvas or smaller gaps"
        )
    whole = side - (count - 1) * spacing
    if not metric:
        _check_whole(name, side, count, gap, overlap)
    length = min(round(whole / count), side // count) if metric else round(whole / count)
    if overlap * 2 > length:
        raise LiveflightError(
            f"an overlap of {overlap} pixels is more than half of a tile {length} pixels {name}: "
            f"choose at most {_most_overlap(side, count)}, or a larger canvas"
        )
    if not SMALLEST_SIDE_PX <= length <= LARGEST_SIDE_PX:
        raise LiveflightError(
            f"tiles {length} pixels {name}: {SMALLEST_SIDE_PX} to {LARGEST_SIDE_PX} are allowed; "
            "choose another canvas or another number of displays"
        )
    # Gaps in millimetres are no whole pixels: they differ by one, and the tiles fill the canvas.
    step = (side - length) / max(count - 1, 1)
    return _Axis(side, tuple(round(i * step) for i in range(count)), length, overlap)


def _check_whole(name: str, side: int, count: int, gap: Length, overlap: int) -> None:
    """Raise LiveflightError where the tiles would not have whole pixels."""
    if gap.value != int(gap.value):
        raise LiveflightError(f"a gap of {gap}: give whole pixels, or millimetres such as 8mm")
    spacing = int(gap.value) - overlap
    rest = (side - (count - 1) * spacing) % count
    if rest:
        between = f" with gaps of {gap}" if spacing > 0 else f" with overlaps of {overlap} pixels"
        raise LiveflightError(
            f"a canvas {side} pixels {name} is not divisible among {count} displays"
            f"{between if spacing else ''}: make it {side - rest} or {side - rest + count} {name}"
        )


def _most_overlap(side: int, count: int) -> int:
    """Return the widest overlap of at most half a tile for which the tiles have whole pixels."""
    most = side // (count + 1)
    fitting = (n for n in range(most, 0, -1) if (side + (count - 1) * n) % count == 0)
    return next(fitting, 0)


def _check_count(columns: int, rows: int) -> None:
    if columns < 1 or rows < 1 or columns * rows > MOST_RANKS:
        raise LiveflightError(
            f"a wall of {columns}x{rows} displays: it has 1 to {MOST_RANKS}, such as 2x1"
        )


def _each(name: str, given: Sequence[int], count: int, spread: bool) -> tuple[int, ...]:
    """Return one value for each rank; `spread`: a single one is for all."""
    if spread and len(given) == 1:
        return tuple(given) * count
    if given and len(given) != count:
        raise LiveflightError(
            f"{len(given)} {name}s for {count} ranks: give "
            + (f"one for all, or {count}" if spread else f"{count}, with a comma between them")
        )
    return tuple(given)


def grid(text: str) -> tuple[int, int]:
    """Read `COLUMNSxROWS`, such as 2x1. Raises LiveflightError."""
    found = _GRID.fullmatch(text.strip())
    if not found:
        raise LiveflightError(f"{text[:80]!r} is not of the form COLUMNSxROWS, such as 2x1")
    columns, rows = int(found[1]), int(found[2])
    _check_count(columns, rows)
    return columns, rows


def length(text: str) -> Length:
    """Read a length in pixels or millimetres: 12, 12px or 8mm. Raises LiveflightError."""
    found = _LENGTH.fullmatch(text.strip())
    if not found:
        raise LiveflightError(f"{text[:80]!r} is not a length such as 12 (pixels) or 8mm")
    return Length(float(found[1]), found[2].lower() or "px")
