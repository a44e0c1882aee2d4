"""Find out which pixels of the canvas a tile reads, and who has them. Pure.

Lengths of warps are in canvas heights, rectangles in canvas pixels.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from liveflight.core.camera import IDENTITY, fold_lines
from liveflight.core.contracts import Size, Warp
from liveflight.core.effects import amounts
from liveflight.core.rect import Rect
from liveflight.wall.tiles import Tile, Wall

MARGIN = 0.12
"""Part of the canvas's height that is held round a tile.

The display draws the canvas up to 0.08 away from where it was warped, and a pixel of a view covers
some of the canvas's."""

_POINTS = 25
"""Places across and down by which a rectangle's reach is found."""

_FILTER_PX = 4.0
"""How far filters read, and rounding."""

_FOLD_TURNS = 3
"""As often as motion.glsl folds."""


def folded(places: np.ndarray, lines: Sequence[tuple[float, float]], canvas: Size) -> np.ndarray:
    """Return places (..., 2), in pixels from the middle, y up, as motion.glsl folds them."""
    if not lines:
        return places
    half = np.array(canvas) / 2
    for _ in range(_FOLD_TURNS):
        places = places - 2 * (places - places.clip(-half, half))
        for line in lines:
            over = np.maximum(places @ np.array(line), 0.0)
            places = places - 2 * over[..., None] * np.array(line)
    return places


def mirrored(places: np.ndarray, side: float) -> np.ndarray:
    """Return coordinates along a side of the canvas with those beyond its border mirrored back."""
    found: np.ndarray = side - np.abs(np.mod(places, 2 * side) - side)
    return found


def read_by(part: Rect, warp: Warp, canvas: Size) -> Rect:
    """Return what of the old canvas a warp reads to draw this part of the new one.

    A little more than that, never less."""
    xs = np.linspace(part.left, part.right, _POINTS)
    ys = np.linspace(part.top, part.bottom, _POINTS)
    x, y = np.meshgrid(xs - canvas[0] / 2, canvas[1] / 2 - ys)
    lines = fold_lines(warp)
    homes = folded(np.stack([x, y], -1), lines, canvas)
    if lines and warp.folded < 1:
        homes = np.concatenate([homes, np.stack([x, y], -1)])
    matrix = warp.matrix.astype(np.float64)
    places = homes @ matrix[:2, :2].T + matrix[:2, 2] * canvas[1]
    growth = float(np.linalg.norm(matrix[:2, :2], 2))
    # Between two points that are known, folds and mirrors stretch nothing.
    spacing = max(part.width, part.height) / (_POINTS - 1) * growth
    amount = amounts(warp)
    bent = (0.3 * abs(amount["swirl"]) + abs(amount["flow"])) * canvas[1]
    unsure = _FILTER_PX + bent + (spacing if lines or _beyond(places, canvas, bent) else 0.0)
    across = mirrored(canvas[0] / 2 + places[..., 0], canvas[0])
    down = mirrored(canvas[1] / 2 - places[..., 1], canvas[1])
    left, top = math.floor(across.min() - unsure), math.floor(down.min() - unsure)
    right, bottom = math.ceil(across.max() + unsure), math.ceil(down.max() + unsure)
    return Rect(left, top, right - left, bottom - top).within(Rect.whole(canvas))


def _beyond(places: np.ndarray, canvas: Size, reach: float) -> bool:
    """Return whether places lie beyond the canvas's border, where they are mirrored."""
    half = np.array(canvas) / 2 - reach
    return bool((np.abs(places) > half).any())


def held(wall: Wall, warp: Warp) -> list[Rect]:
    """Return what each rank holds of the canvas to show its tile with the folds of `warp`."""
    return [_held(tile, warp, wall.canvas) for tile in wall.tiles]


def _held(tile: Tile, warp: Warp, canvas: Size) -> Rect:
    margin = math.ceil(MARGIN * canvas[1]) + 8
    own = tile.shown.around(tile.owned).grown(margin, canvas)
    if not fold_lines(warp):
        return own
    folds = Warp(
        IDENTITY.matrix,
        mirror_x=warp.mirror_x,
        mirror_y=warp.mirror_y,
        kaleidoscope=warp.kaleidoscope,
    )
    return own.around(read_by(own, folds, canvas).grown(margin, canvas))


Pieces = Mapping[tuple[int, int], Sequence[Rect]]
"""Rectangles that go from one rank to another, by (from, to)."""


def pieces(
    needed: Sequence[Rect], holding: Sequence[Rect], wall: Wall
) -> dict[tuple[int, int], list[Rect]]:
    """Return who sends what to whom, so that each rank has what is `needed` beside what it holds.

    Each piece comes from the rank that owns it. All ranks find the same."""
    found: dict[tuple[int, int], list[Rect]] = {}
    for to, (wanted, has) in enumerate(zip(needed, holding, strict=True)):
        for tile in wall.tiles:
            if tile.rank == to:
                continue
            parts = _without(wanted.within(tile.owned), has)
            if parts:
                found[tile.rank, to] = parts
    return found


def _without(one: Rect, other: Rect) -> list[Rect]:
    """Return `one` without what it shares with `other`, as at most four rectangles."""
    shared = one.within(other)
    if one.empty or shared.empty:
        return [] if one.empty else [one]
    parts = [
        Rect(one.left, one.top, one.width, shared.top - one.top),
        Rect(one.left, shared.bottom, one.width, one.bottom - shared.bottom),
        Rect(one.left, shared.top, shared.left - one.left, shared.height),
        Rect(shared.right, shared.top, one.right - shared.right, shared.height),
    ]
    return [part for part in parts if not part.empty]
