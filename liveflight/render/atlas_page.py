"""Compose the pictures of an atlas: the page of thumbnails, the cursor's frame and the card.

Pictures are uint8 (h, w, 4), sRGB-coded RGB and cover, row 0 at the top.
"""

from __future__ import annotations

import math

import numpy as np
from PIL import Image, ImageDraw

from liveflight.core.contracts import LiveflightError, Size
from liveflight.core.thumbnail_grid import Keys, Page, ThumbnailGrid, type_size
from liveflight.render.typesetting import face, plain

ACCENT = (255, 208, 0)
"""Colour of the cursor and the stars: thumbnails are less saturated."""
_BRIGHT, _DIM = (245, 245, 245), (160, 164, 172)
CARD_SIDE_PX = 64
"""Side of the card's thumbnail, or a divisor of it: whole multiples stay sharp."""
_BACKING = (10, 11, 14)
_COVER, _THIN_COVER = 225, 110
"""Opacity of the page, 0..255: behind text and tiles, and elsewhere."""


def whole(page: Page) -> np.ndarray:
    """Return the page, as large as the output: thumbnails, title, keys and stars."""
    size, grid = page.grid.size, page.grid
    thumbnails = _thumbnails(page)
    canvas = Image.new("RGBA", size, (*_BACKING, _THIN_COVER))
    pen = ImageDraw.Draw(canvas)
    bottom = grid.above + grid.down * grid.pitch
    pen.rectangle((0, 0, size[0], bottom), (*_BACKING, _COVER))
    pen.rectangle((0, size[1] - grid.below, size[0], size[1]), (*_BACKING, _COVER))
    if thumbnails is not None:
        canvas.paste(_tiles(grid, thumbnails), (grid.left, grid.above))
    for place in _visible(grid):
        _mark(pen, page, place, numbered=thumbnails is None)
    _scroll_bars(pen, grid)
    _head(pen, page, damaged=thumbnails is None and page.picture is not None)
    _foot(pen, grid, page.keys)
    return np.asarray(canvas)


def frame(pitch: int) -> np.ndarray:
    """Return the frame round the tile under the cursor; `overhang` pixels larger on every side."""
    over = overhang(pitch)
    side = pitch + 2 * over
    canvas = Image.new("RGBA", (side, side))
    pen = ImageDraw.Draw(canvas)
    rim = max(over // 3, 1)
    pen.rectangle((0, 0, side - 1, side - 1), outline=(0, 0, 0, 255), width=over + rim)
    pen.rectangle((rim, rim, side - 1 - rim, side - 1 - rim), outline=(*ACCENT, 255), width=over)
    return np.asarray(canvas)


def overhang(pitch: int) -> int:
    """Return how far the cursor's frame goes beyond its tile, in pixels."""
    return max(pitch // 8, 3)


def card(page: Page) -> np.ndarray:
    """Return the card: the thumbnail under the cursor, enlarged, and its caption."""
    em = type_size(page.grid.size)
    thumbnails = _thumbnails(page)
    side = CARD_SIDE_PX * max(round(min(page.grid.size) / 240), 2) if thumbnails is not None else 0
    big = round(1.15 * em)
    lines = [(text, big if index else em) for index, text in enumerate(map(plain, page.caption))]
    width = max(side, *(math.ceil(face(type).getlength(text)) for text, type in lines))
    pad = max(em // 2, 6)
    height = side + sum(round(1.4 * type) for _, type in lines) + 2 * pad
    canvas = Image.new("RGBA", (width + 2 * pad, height + pad // 2), (*_BACKING, 240))
    pen = ImageDraw.Draw(canvas)
    if thumbnails is not None:
        picture = Image.fromarray(_tile(thumbnails, page.cursor, page.grid.columns))
        picture = picture.resize((side, side), Image.Resampling.BICUBIC)
        canvas.paste(picture, (pad + (width - side) // 2, pad))
    baseline = pad + side
    for index, (text, type) in enumerate(lines):
        baseline += round(1.4 * type)
        pen.text(
            (pad, baseline - type // 5), text, (_DIM, _BRIGHT, ACCENT)[index], face(type), "ls"
        )
    if page.cursor in page.starred:
        _star(pen, (canvas.width - pad - em // 2, baseline - em // 2), em // 2)
    pen.rectangle((0, 0, canvas.width - 1, canvas.height - 1), outline=(*ACCENT, 255), width=2)
    return np.asarray(canvas)


def card_corner(grid: ThumbnailGrid, cursor: int, card: Size) -> tuple[int, int]:
    """Return the top left corner of a card of this width and height.

    The card is below the tiles if there is room, else over those furthest from the cursor."""
    width, height = card
    gap = max(grid.left, 8)
    above = overhang(grid.pitch) + 4
    x, _ = grid.corner(cursor) or (0, 0)
    bottom = grid.above + grid.down * grid.pitch
    if bottom + height + 2 * above <= grid.size[1] - grid.below:
        left = x + (grid.pitch - width) // 2
        return min(max(left, gap), max(grid.size[0] - width - gap, gap)), bottom + above
    on_the_left = x + grid.pitch // 2 > grid.size[0] // 2
    left = gap if on_the_left else grid.size[0] - width - gap
    return left, max(grid.size[1] - grid.below - height - above, 0)


def toast(text: str, size: Size) -> np.ndarray:
    """Return a line of text for an output of this size; an empty picture for an empty text."""
    if not text:
        return np.empty((0, 0, 4), np.uint8)
    em = type_size(size)
    width = min(math.ceil(face(em).getlength(plain(text))) + 2 * em, size[0])
    canvas = Image.new("RGBA", (width, 2 * em))
    pen = ImageDraw.Draw(canvas)
    pen.rounded_rectangle((0, 0, width - 1, 2 * em - 1), em // 2, (*_BACKING, 245), ACCENT)
    pen.text((em, round(1.35 * em)), plain(text), _BRIGHT, face(em), "ls")
    return np.asarray(canvas)


def thumbnail(tile: np.ndarray | None, side: int) -> np.ndarray:
    """Return a tile, uint8 (h, w, 3), at this size with a dark rim; empty for no tile."""
    if tile is None:
        return np.empty((0, 0, 4), np.uint8)
    picture = Image.fromarray(tile).resize((side, side), Image.Resampling.LANCZOS)
    canvas = picture.convert("RGBA")
    ImageDraw.Draw(canvas).rectangle((0, 0, side - 1, side - 1), outline=(*_BACKING, 255), width=2)
    return np.asarray(canvas)


def _thumbnails(page: Page) -> np.ndarray | None:
    """Return the thumbnails of a page, if there are any and they can be read."""
    try:
        return page.picture() if page.picture else None
    except LiveflightError:
        return None


def _tile(sheet: np.ndarray, place: int, columns: int) -> np.ndarray:
    side = sheet.shape[1] // columns
    row, column = divmod(place, columns)
    return sheet[row * side : (row + 1) * side, column * side : (column + 1) * side]


def _tiles(grid: ThumbnailGrid, sheet: np.ndarray) -> Image.Image:
    """Return the visible tiles with gaps between them; backing where there is no tile."""
    side, pitch = sheet.shape[1] // grid.columns, grid.pitch
    part = sheet[
        grid.row * side : (grid.row + grid.down) * side,
        grid.column * side : (grid.column + grid.across) * side,
    ]
    size = grid.across * pitch, grid.down * pitch
    scaled = Image.fromarray(part).resize(size, Image.Resampling.LANCZOS)
    pixels = np.dstack([np.asarray(scaled), np.full(size[::-1], 255, np.uint8)])
    backing = np.array([*_BACKING, _COVER], np.uint8)
    gap = max(pitch // 38, 1)
    for edge in range(gap):  # scaling mixes the neighbour's colours into a tile's rim
        for lines in (pixels, pixels.swapaxes(0, 1)):
            lines[edge::pitch] = backing
            lines[pitch - 1 - edge :: pitch] = backing
    missing = (grid.row + grid.down) * grid.columns - grid.count
    if missing > 0:
        from_column = max(grid.columns - missing - grid.column, 0)
        pixels[-pitch:, from_column * pitch :] = backing
    return Image.fromarray(pixels)


def _visible(grid: ThumbnailGrid) -> list[int]:
    places = [
        row * grid.columns + column
        for row in range(grid.row, grid.row + grid.down)
        for column in range(grid.column, grid.column + grid.across)
    ]
    return [place for place in places if place < grid.count]


def _mark(pen: ImageDraw.ImageDraw, page: Page, place: int, *, numbered: bool) -> None:
    """Draw the filter's number where it has no thumbnail, and its star."""
    left, top = page.grid.corner(place) or (0, 0)
    pitch = page.grid.pitch
    if numbered:
        box = (left + 1, top + 1, left + pitch - 2, top + pitch - 2)
        pen.rectangle(box, (44, 47, 54, 255))
        type = face(max(round(pitch * 0.34), 11))
        middle = (left + pitch / 2, top + pitch / 2)
        pen.text(middle, str(page.filters[place]), _BRIGHT, type, "mm")
    if place in page.starred:
        radius = max(round(pitch * 0.22), 6)
        _star(pen, (left + pitch - radius - 1, top + radius + 1), radius)


def _star(pen: ImageDraw.ImageDraw, middle: tuple[float, float], radius: float) -> None:
    points = [
        (
            middle[0] + math.sin(turn * math.pi / 5) * radius * (0.45 if turn % 2 else 1.0),
            middle[1] - math.cos(turn * math.pi / 5) * radius * (0.45 if turn % 2 else 1.0),
        )
        for turn in range(10)
    ]
    pen.polygon(points, fill=(*ACCENT, 255), outline=(0, 0, 0, 255))


def _scroll_bars(pen: ImageDraw.ImageDraw, grid: ThumbnailGrid) -> None:
    """Draw scroll bars where not all rows or columns are visible."""
    width = max(grid.pitch // 8, 4)
    if grid.down < grid.rows:
        length, right = grid.down * grid.pitch, grid.size[0] - 2
        first, last = (
            grid.above + length * row // grid.rows for row in (grid.row, grid.row + grid.down)
        )
        pen.rectangle((right - width, first, right, last), (*_DIM, 255))
    columns = min(grid.columns, grid.count)
    if grid.across < columns:
        length, bottom = grid.across * grid.pitch, grid.above + grid.down * grid.pitch + 2
        first, last = (
            grid.left + length * column // columns
            for column in (grid.column, grid.column + grid.across)
        )
        pen.rectangle((first, bottom, last, bottom + width), (*_DIM, 255))


def _head(pen: ImageDraw.ImageDraw, page: Page, *, damaged: bool) -> None:
    em = type_size(page.grid.size)
    big = face(round(1.15 * em))
    left, baseline = page.grid.left, round(1.6 * em)
    pen.text((left, baseline), plain(page.title), _BRIGHT, big, "ls")
    right = left + round(big.getlength(plain(page.title)) + 1.5 * em)
    for index, line in enumerate(["cannot be read"] if damaged else page.note):
        if index or not page.beside:
            right, baseline = left, baseline + round(1.4 * em)
        pen.text((right, baseline), plain(line), ACCENT if damaged else _DIM, face(em), "ls")


def _foot(pen: ImageDraw.ImageDraw, grid: ThumbnailGrid, lines: tuple[Keys, ...]) -> None:
    em = type_size(grid.size)
    type = face(em)
    baseline = grid.size[1] - grid.below + round(1.4 * em)
    for keys in lines:
        x = float(grid.left)
        for name, help in keys:
            pen.text((x, baseline), name, _BRIGHT, type, "ls")
            x += type.getlength(name) + 0.4 * em
            pen.text((x, baseline), help, _DIM, type, "ls")
            x += type.getlength(help) + 1.1 * em
        baseline += round(1.4 * em)
