"""Typeset panels of text with Pillow's built-in font."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import count
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from liveflight.core.contracts import Size
from liveflight.core.text_panel import Bars, Cell, Panel, Row, Text, Tone
from liveflight.core.thumbnail_grid import type_size

_Font = ImageFont.FreeTypeFont | ImageFont.ImageFont
_Colour = tuple[int, int, int]

_COLOURS: dict[Tone, _Colour] = {
    "normal": (245, 245, 245),
    "dim": (160, 164, 172),
    "accent": (255, 208, 0),
    "alarm": (255, 120, 96),
}
_TRACK: _Colour = (74, 77, 84)
_COVER = 0.68
"""Opacity of the dark backing, 0..1: white text stays readable on white."""

_MAX_CELL_CHARACTERS = 200
"""Characters of a cell that are shown at most."""
_MIN_EM_PX, _MAX_BLOCKS = 8, 4
_LINE, _GAP, _PAD = 1.4, 0.8, 0.8
"""Distances in type sizes: from line to line, between cells, and to the panel's edge."""
_BAR_HEIGHT, _BAR_RISE, _BAR_GAP = 0.55, 0.66, 0.25
"""Height of a bar, its top above the line's foot, and the gap between bars, in type sizes."""
_COARSE_PX = 16
"""Type size below which letters are drawn larger and scaled: their distances are whole pixels."""

# Pillow's built-in font has little more than ASCII. Other characters become a box.
_SIMILAR_CHARACTERS = str.maketrans("←→↑↓\u2013\u2014\u2212×•", "<>^v---x·")


class Bar(NamedTuple):
    """Place a bar in its panel, in pixels from the panel's top left."""

    name: str
    left: int
    top: int
    width: int
    height: int


class Typeset(NamedTuple):
    """A panel as a picture, and its bars."""

    pixels: np.ndarray
    """uint8 (h, w, 4), row 0 at the top: premultiplied colour, and cover."""
    bars: tuple[Bar, ...]


class _Layout(NamedTuple):
    """Cells with their left and foot in pixels, and the size of the panel around them."""

    cells: list[tuple[float, float, Cell, int]]
    """Left, foot, cell, width."""
    width: int
    height: int
    em: int


def typeset(panel: Panel, size: Size, *, fitted: bool) -> Typeset:
    """Return the panel for an output of this width and height, never larger than the output.

    `fitted`: in as small a type and as many blocks side by side as make it fit; a block may end at
    an empty row. Otherwise, what does not fit is cut off."""
    room = (max(size[0] - 2 * margin(size), 1), max(size[1] - 2 * margin(size), 1))
    panel, em = _printable(panel), type_size(size)
    layout = _fitted(panel, room, em) if fitted else _laid_out([panel], em)
    width, height = min(layout.width, room[0]), min(layout.height, room[1])
    scale = _scale(layout.em)
    ink = Image.new("RGBA", (width * scale, height * scale))
    pen, font = ImageDraw.Draw(ink), face(layout.em * scale)
    bars: list[Bar] = []
    for left, foot, cell, wide in layout.cells:
        if isinstance(cell, Bars):
            bars += _bars(cell, left, foot, wide, layout.em)
            continue
        shown = _cut(cell.text, wide * scale, font) if cell.width else cell.text
        x, anchor = (left + wide, "rs") if cell.right and cell.width else (left, "ls")
        pen.text((x * scale, foot * scale), shown, _COLOURS[cell.tone], font, anchor)
    bars = [bar for bar in bars if bar.left + bar.width <= width and bar.top + bar.height <= height]
    for bar in bars:
        box = (bar.left, bar.top, bar.left + bar.width, bar.top + bar.height)
        left, top, right, bottom = (side * scale for side in box)
        pen.rectangle((left, top, right - 1, bottom - 1), _TRACK)
    return Typeset(_backed(ink, (width, height), layout.em), tuple(bars))


def _printable(panel: Panel) -> Panel:
    """Return the panel with texts that can be typeset."""
    return tuple(
        tuple(
            replace(cell, text=plain(cell.text)) if isinstance(cell, Text) else cell for cell in row
        )
        for row in panel
    )


def _scale(em: int) -> int:
    """Return how many times larger letters of a size are drawn before they are scaled."""
    return 2 if em < _COARSE_PX else 1


def _backed(ink: Image.Image, size: Size, em: int) -> np.ndarray:
    """Return the ink on a translucent dark panel with round corners, premultiplied."""
    cover = Image.new("L", size)
    box = (0, 0, size[0] - 1, size[1] - 1)
    ImageDraw.Draw(cover).rounded_rectangle(box, em // 2, fill=round(255 * _COVER))
    pixels = np.asarray(ink, np.uint16)
    pixels[..., :3] *= pixels[..., 3:]
    pixels[..., :3] //= 255
    if pixels.shape[1] != size[0]:
        height, width = size[1], size[0]
        pixels = pixels.reshape(height, 2, width, 2, 4).sum((1, 3), np.uint16) // 4
    pixels[..., 3] = np.maximum(pixels[..., 3], np.asarray(cover))
    return np.ascontiguousarray(pixels.astype(np.uint8))


def _fitted(panel: Panel, room: Size, em: int) -> _Layout:
    """Return the rows in the largest type and the fewest blocks that fit into `room`, in pixels."""
    for smaller in range(em, _MIN_EM_PX - 1, -1):
        for most in range(1, _MAX_BLOCKS + 1):
            layout = _laid_out(_blocks(panel, most), smaller)
            if layout.width <= room[0] and layout.height <= room[1]:
                return layout
    return layout


def _blocks(rows: Sequence[Row], most: int) -> list[list[Row]]:
    """Return the rows in at most `most` even blocks, split at empty rows only, if there are any."""
    empty: Row = (Text(""),)
    sections: list[list[Row]] = [[]]
    parted = empty in rows
    for row in rows:
        if parted and row == empty:
            sections.append([])
        elif parted:
            sections[-1].append(row)
        else:
            sections.append([row])
    between = [empty] if parted else []
    for tallest in count(-(-len(rows) // most)):
        blocks: list[list[Row]] = []
        for section in filter(None, sections):
            if blocks and len(blocks[-1]) + len(between) + len(section) <= tallest:
                blocks[-1] += between + section
            else:
                blocks.append(list(section))
        if len(blocks) <= most:
            break
    return blocks or [[]]


def _laid_out(blocks: Sequence[Sequence[Row]], em: int) -> _Layout:
    """Lay out blocks of rows side by side, at a type size of `em` pixels."""
    pad, gap = round(_PAD * em), round(_GAP * em)
    cells: list[tuple[float, float, Cell, int]] = []
    left = right = pad
    for block in blocks:
        widths = _columns(block, em)
        for index, row in enumerate(block):
            x, foot = left, round((_PAD + 0.85 + _LINE * index) * em)
            for place, cell in enumerate(row):
                last = place == len(row) - 1
                wide = _width(cell, em)
                cells.append((x, foot, cell, wide))
                right = max(right, x + wide)
                column = widths[place] if not (cell.width or last) else wide
                x += column + gap
        left = right + 3 * gap
    rows = max(map(len, blocks))
    return _Layout(cells, right + pad, round((2 * _PAD + 1 + _LINE * (rows - 1)) * em), em)


def _columns(block: Sequence[Row], em: int) -> list[int]:
    """Return the widths of a block's columns; a row of one cell may be wider than its column."""
    columns = max((len(row) for row in block), default=0)
    return [
        max((_width(row[place], em) for row in block if len(row) > place + 1), default=0)
        for place in range(columns)
    ]


def _width(cell: Cell, em: int) -> int:
    """Return a cell's width in pixels."""
    if cell.width:
        return round(cell.width * em)
    return round(_length(cell.text, em)) if isinstance(cell, Text) else 0


def _length(text: str, em: int) -> float:
    return face(em * _scale(em)).getlength(text) / _scale(em)


def _bars(cell: Bars, left: float, foot: float, wide: int, em: int) -> list[Bar]:
    gap = round(_BAR_GAP * em) if len(cell.names) > 1 else 0
    each = (wide + gap) // len(cell.names)
    top, height = round(foot - _BAR_RISE * em), max(round(_BAR_HEIGHT * em), 1)
    return [
        Bar(name, round(left) + index * each, top, max(each - gap, 1), height)
        for index, name in enumerate(cell.names)
    ]


def _cut(text: str, wide: int, font: _Font) -> str:
    """Return as much of a text as fits into `wide` pixels, with dots for what does not."""
    kept = len(text)
    shown = text
    while kept and font.getlength(shown) > wide:
        kept -= 1
        shown = f"{text[:kept].rstrip()}..."
    return shown


def margin(size: Size) -> int:
    """Return the distance from the output's edge in pixels."""
    return max(min(size) // 50, 1)


def plain(cell: str) -> str:
    """Return printable text: the font engine raises on lone surrogates and breaks lines itself."""
    similar = unicodedata.normalize(
        "NFKD", cell[:_MAX_CELL_CHARACTERS].translate(_SIMILAR_CHARACTERS)
    )
    return "".join(c if c.isprintable() else "?" for c in similar if not unicodedata.combining(c))


@lru_cache(maxsize=64)
def face(em: int) -> _Font:
    """Return the type at that size in pixels."""
    return ImageFont.load_default(em)
