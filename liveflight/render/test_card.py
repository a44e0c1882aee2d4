"""Draw a wall's test card: a grid and circles over the whole canvas, and what each tile is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from liveflight.core.contracts import Size
from liveflight.core.rect import Rect
from liveflight.render.typesetting import face, plain
from liveflight.wall import soft_edge
from liveflight.wall.tiles import Tile, Wall

_Colour = tuple[int, int, int]

_TINTS: tuple[_Colour, ...] = (
    (46, 92, 160), (160, 74, 40), (38, 120, 74), (118, 62, 150), (140, 116, 30), (30, 120, 130),
)  # fmt: skip
"""Colours of the tiles; those of neighbours differ."""
_GRID: _Colour = (120, 124, 132)
_LINE: _Colour = (245, 245, 245)
_MARK: _Colour = (255, 208, 0)
"""Where an overlap begins, and where a tile's part of the canvas ends."""
_GROUND = 0.35
"""Brightness of a tile's ground, as a factor of its colour."""
_CELLS = 12
"""Cells of the grid on the shorter side of a tile."""
_STEPS = 11
"""Steps of grey from black to white."""
_ARROWS = {"left": "< rank {}", "right": "rank {} >", "above": "^ rank {}", "below": "v rank {}"}


def card(wall: Wall, rank: int, lines: Sequence[str] = (), size: Size | None = None) -> np.ndarray:
    """Return a tile's card as it stands on its display: uint8 (H, W, 3), row 0 on top.

    Turned, with its soft edges. `lines`: more to be written on it. `size`: width and height of the
    display, to which the card is stretched; the tile's own by default."""
    tile = wall.tiles[rank]
    picture = Image.new("RGB", tile.shown.size, _ground(wall, tile))
    pen = ImageDraw.Draw(picture)
    _draw_canvas(pen, wall, tile)
    _draw_tile(pen, wall, tile)
    _write(pen, wall, tile, lines)
    columns, rows = soft_edge.gains(tile)
    levels = np.asarray(picture, np.float32) * (rows[:, None] * columns)[..., None]
    turned = np.rot90(levels.round().astype(np.uint8), -tile.turns)
    if size in (None, tile.picture):
        return np.ascontiguousarray(turned)
    stretched = Image.fromarray(turned).resize(size, Image.Resampling.BILINEAR)
    return np.asarray(stretched)


def _ground(wall: Wall, tile: Tile) -> _Colour:
    red, green, blue = _TINTS[(tile.column + 2 * tile.row) % len(_TINTS)]
    return round(_GROUND * red), round(_GROUND * green), round(_GROUND * blue)


def _draw_canvas(pen: ImageDraw.ImageDraw, wall: Wall, tile: Tile) -> None:
    """Draw what goes on behind bezels and through overlaps: grid, diagonals and circles."""
    (width, height), (left, top) = wall.canvas, tile.shown[:2]
    side = min(tile.shown.size)
    step, thin = max(side // _CELLS, 4), max(side // 720, 1)
    for x in range(width // 2 % step, width, step):
        pen.line((x - left, -top, x - left, height - top), _GRID, thin)
    for y in range(height // 2 % step, height, step):
        pen.line((-left, y - top, width - left, y - top), _GRID, thin)
    pen.line((-left, -top, width - 1 - left, height - 1 - top), _GRID, 2 * thin)
    pen.line((-left, height - 1 - top, width - 1 - left, -top), _GRID, 2 * thin)
    _circle(pen, (width / 2 - left, height / 2 - top), 0.47 * min(width, height), 4 * thin)
    for middle in _centres(wall):
        _circle(pen, (middle[0] - left, middle[1] - top), 0.3 * side, 2 * thin)


def _centres(wall: Wall) -> set[tuple[float, float]]:
    """Return the middles of all tiles, and those of all borders."""
    found = set()
    for tile in wall.tiles:
        own = tile.owned
        x, y = own.left + own.width / 2, own.top + own.height / 2
        found |= {(x, y)}
        found |= {(float(own.right), y)} if own.right < wall.canvas[0] else set()
        found |= {(x, float(own.bottom))} if own.bottom < wall.canvas[1] else set()
    return found


def _circle(
    pen: ImageDraw.ImageDraw, centre: tuple[float, float], radius: float, width: int
) -> None:
    x, y = centre
    pen.ellipse((x - radius, y - radius, x + radius, y + radius), outline=_LINE, width=width)


def _draw_tile(pen: ImageDraw.ImageDraw, wall: Wall, tile: Tile) -> None:
    """Draw a tile's outermost pixels, its overlaps, what it owns, and steps of grey."""
    width, height = tile.shown.size
    left, top, right, bottom = tile.soft
    for x, there in ((left, left), (width - 1 - right, right)):
        if there:
            pen.line((x, 0, x, height), _MARK)
    for y, there in ((top, top), (height - 1 - bottom, bottom)):
        if there:
            pen.line((0, y, width, y), _MARK)
    own = _moved(tile.owned, tile.shown)
    for x in (own.left, own.right):
        if 0 < x < width:
            pen.line((x, 0, x, height), _MARK)
    for y in (own.top, own.bottom):
        if 0 < y < height:
            pen.line((0, y, width, y), _MARK)
    pen.rectangle((0, 0, width - 1, height - 1), outline=_LINE)
    tint = _TINTS[(tile.column + 2 * tile.row) % len(_TINTS)]
    inset = max(min(width, height) // 60, 2)
    pen.rectangle((inset, inset, width - 1 - inset, height - 1 - inset), outline=tint, width=inset)
    cell = max(min(width // 3, height) // _STEPS, 1)
    x, y = (width - _STEPS * cell) // 2, height - 3 * inset - cell
    for index in range(_STEPS):
        level = round(255 * index / (_STEPS - 1))
        box = (x + index * cell, y, x + (index + 1) * cell - 1, y + cell - 1)
        pen.rectangle(box, (level, level, level))


def _moved(rect: Rect, origin: Rect) -> Rect:
    return rect._replace(left=rect.left - origin.left, top=rect.top - origin.top)


def _write(pen: ImageDraw.ImageDraw, wall: Wall, tile: Tile, more: Sequence[str]) -> None:
    """Write the rank, the size, the place and the neighbours of a tile, in the middle it owns."""
    width, height = tile.shown.size
    em = max(min(height // 22, width // 30), 6)
    lines = [
        f"{width}x{height} at {tile.shown.left},{tile.shown.top} of {_size(wall.canvas)}",
        f"column {tile.column + 1}, row {tile.row + 1} of {wall.columns}x{wall.rows}",
        *([f"turned {90 * tile.turns} degrees clockwise"] if tile.turns else []),
        *([f"soft edges {', '.join(map(str, tile.soft))}"] if any(tile.soft) else []),
        *map(plain, more),
    ]
    own = tile.owned.within(tile.shown)
    x, y = own.left - tile.shown.left + own.width / 2, own.top - tile.shown.top + 0.3 * own.height
    back = _ground(wall, tile)
    _label(pen, (x, y), f"rank {tile.rank}", "mm", 3 * em, back, _MARK)
    for index, line in enumerate(lines):
        _label(pen, (x, y + (2.7 + 1.4 * index) * em), line, "mm", em, back)
    left, top, right, bottom = (each + 2 * em for each in tile.soft)
    places = {
        "left": (left, height / 2, "lm"),
        "right": (width - right, height / 2, "rm"),
        "above": (x, top, "mm"),
        "below": (x, height - bottom - 3 * em, "mm"),
    }
    for side, neighbour in wall.neighbours(tile.rank).items():
        across, down, anchor = places[side]
        text = _ARROWS[side].format(neighbour)
        _label(pen, (across, down), text, anchor, em, back, _MARK)


def _label(
    pen: ImageDraw.ImageDraw,
    place: tuple[float, float],
    text: str,
    anchor: str,
    em: int,
    back: _Colour,
    colour: _Colour = _LINE,
) -> None:
    """Write a line of text, with no lines of the grid behind it."""
    font = face(em)
    left, top, right, bottom = pen.textbbox(place, text, font, anchor)
    pad = em // 6
    pen.rectangle((left - pad, top - pad, right + pad, bottom + pad), back)
    pen.text(place, text, colour, font, anchor)


def _size(size: Size) -> str:
    return f"{size[0]}x{size[1]}"
