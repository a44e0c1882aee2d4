"""Draw text over the picture: the HUD in a corner, help pages in the middle."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from itertools import count, zip_longest
from typing import Literal, NamedTuple

import moderngl
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from liveflight.core.contracts import Size
from liveflight.render.passes import Pass, Viewport, blending
from liveflight.system.worker import Worker

Place = Literal["corner", "centre"]

_Font = ImageFont.FreeTypeFont | ImageFont.ImageFont
_Row = list[str]
_Key = tuple[tuple[str, ...], Size]
"""Lines, and the output's width and height."""

_MAX_RELEASE_WAIT_S = 1.0
"""Seconds that `release` waits for a text being typeset."""

_COVER = 0.68
"""Opacity of the dark backing, 0..1: white text stays readable on white."""
_MAX_CELL_CHARACTERS = 200
"""Characters of a cell that are shown at most."""
_MIN_EM_PX, _MAX_BLOCKS = 8, 4
# Pillow's built-in font has little more than ASCII. Other characters become a box.
_SIMILAR_CHARACTERS = str.maketrans("←→↑↓\u2013\u2014\u2212×•", "<>^v---x·")


class _Text(NamedTuple):
    """Lines typeset at one size: every cell with its position, and the panel around them."""

    cells: list[tuple[float, float, str]]
    width: int
    height: int
    em: int


class _Panel(NamedTuple):
    """A texture, the key of its text, and the width and height in use."""

    key: _Key
    texture: moderngl.Texture
    width: int
    height: int


class Hud:
    """Draw text over a finished frame, from one texture per place.

    A worker typesets a text when it or the output's size changes. That takes milliseconds, for a
    help page tens of them; until then the old text is shown."""

    def __init__(self, ctx: moderngl.Context, background: bool = False) -> None:
        """Typeset on another thread where `background` is set, else at once."""
        self._ctx = ctx
        self._pass = Pass(ctx, "hud.frag")
        self._panels: dict[Place, _Panel] = {}
        self._typesetting: Worker[tuple[Place, _Key, np.ndarray]] = Worker(background, niceness=5)

    def draw(
        self,
        lines: Sequence[str],
        framebuffer: moderngl.Framebuffer,
        size: Size,
        *,
        bottom_up: bool,
        place: Place = "corner",
        indent: int = 0,
    ) -> None:
        """Draw `lines` on a translucent dark panel over a framebuffer of this width and height.

        The panel is in the top left corner, `indent` pixels further to the right, or in the centre,
        there in as many blocks side by side as necessary. A tab separates columns, and a block may
        end at an empty line. Text that does not fit is cut off. A character that the font lacks is
        replaced by a similar one or a box.

        `bottom_up`: row 0 of the framebuffer is the bottom of the picture, as in a window. Leaves
        the framebuffer bound, its viewport whole, blending off."""
        if not any(line.strip() for line in lines):
            return
        panel = self._panel((tuple(lines), size), place)
        if panel is None:
            return
        left = top = margin(size)
        left += indent
        if place == "centre":
            left, top = (size[0] - panel.width) // 2, (size[1] - panel.height) // 2
        first_row = size[1] - top - panel.height if bottom_up else top
        where = (left, first_row, panel.width, panel.height)
        uniforms = {"corner": (left, top), "height": size[1], "bottom_up": bottom_up}
        self._lay(framebuffer, where, panel.texture, uniforms)
        framebuffer.viewport = (0, 0, *size)

    def _lay(
        self,
        framebuffer: moderngl.Framebuffer,
        where: Viewport,
        texture: moderngl.Texture,
        uniforms: dict[str, object],
    ) -> None:
        with blending(self._ctx, moderngl.ONE, moderngl.ONE_MINUS_SRC_ALPHA):
            self._pass.draw(framebuffer, where, texture, uniforms)

    def warm_up(self, framebuffer: moderngl.Framebuffer) -> None:
        """Draw an empty panel into a corner: drivers compile a shader at first use."""
        texture = self._ctx.texture((1, 1), 2, data=bytes(2))
        self._lay(framebuffer, (0, 0, 1, 1), texture, {"corner": (0, 0), "height": 1})
        texture.release()

    def release(self) -> None:
        self._typesetting.close(_MAX_RELEASE_WAIT_S)
        for panel in self._panels.values():
            panel.texture.release()
        self._panels.clear()
        self._pass.release()

    def _panel(self, key: _Key, place: Place) -> _Panel | None:
        """Return the panel to show at a place; an old one until the new text is typeset."""
        held = self._panels.get(place)
        if (held is None or held.key != key) and not self._typesetting.busy:
            self._typesetting.submit(lambda: (place, key, rasterised(*key, place)))
        if self._typesetting.busy and self._typesetting.wait():
            self._upload(*self._typesetting.result())
        return self._panels.get(place)

    def _upload(self, place: Place, key: _Key, pixels: np.ndarray) -> None:
        held = self._panels.get(place)
        height, width = pixels.shape[:2]
        texture = held.texture if held is not None else None
        if texture is None or texture.width < width or texture.height < height:
            # With room to grow: the numbers in a HUD change their width all the time.
            most = self._ctx.info["GL_MAX_TEXTURE_SIZE"]
            size = (min(width + width // 4, most), min(height + height // 4, most))
            made = self._ctx.texture(size, 2)  # if this fails, the old one stays
            if texture is not None:
                texture.release()
            texture = made
        texture.write(pixels, viewport=(0, 0, width, height))
        self._panels[place] = _Panel(key, texture, width, height)


def rasterised(lines: Sequence[str], size: Size, place: Place) -> np.ndarray:
    """Return the panel for an output of this width and height.

    uint8 (h, w, 2), row 0 at the top, never larger than the output: brightness of the text, and
    cover, premultiplied."""
    room = (max(size[0] - 2 * margin(size), 1), max(size[1] - 2 * margin(size), 1))
    rows = [[plain(cell) for cell in line.split("\t")] for line in lines]
    text = _typeset([rows], _em(size)) if place == "corner" else _fitted(rows, room, _em(size))
    width, height = min(text.width, room[0]), min(text.height, room[1])
    light, cover = Image.new("L", (width, height)), Image.new("L", (width, height))
    pen = ImageDraw.Draw(light)
    for x, y, cell in text.cells:
        pen.text((x, y), cell, fill=245, font=face(text.em), anchor="ls")
    ImageDraw.Draw(cover).rounded_rectangle(
        (0, 0, width - 1, height - 1), text.em // 2, fill=round(255 * _COVER)
    )
    glow = np.asarray(light)
    return np.dstack([glow, np.maximum(glow, np.asarray(cover))])


def _fitted(rows: Sequence[_Row], room: Size, em: int) -> _Text:
    """Return the rows in the largest type and the fewest blocks that fit into `room`, in pixels."""
    for smaller in range(em, _MIN_EM_PX - 1, -1):
        for most in range(1, _MAX_BLOCKS + 1):
            text = _typeset(_blocks(rows, most), smaller)
            if text.width <= room[0] and text.height <= room[1]:
                return text
    return text


def _blocks(rows: Sequence[_Row], most: int) -> list[list[_Row]]:
    """Return the rows in at most `most` even blocks, split at empty rows only, if there are any."""
    sections: list[list[_Row]] = [[]]
    parted = [""] in rows
    for row in rows:
        if parted and row == [""]:
            sections.append([])
        elif parted:
            sections[-1].append(row)
        else:
            sections.append([row])
    between = [[""]] if parted else []
    for tallest in count(-(-len(rows) // most)):
        blocks: list[list[_Row]] = []
        for section in filter(None, sections):
            if blocks and len(blocks[-1]) + len(between) + len(section) <= tallest:
                blocks[-1] += between + section
            else:
                blocks.append(list(section))
        if len(blocks) <= most:
            break
    return blocks or [[]]


def _typeset(blocks: Sequence[Sequence[_Row]], em: int) -> _Text:
    """Typeset blocks of rows of cells side by side, at a type size of `em` pixels."""
    font, line, gap = face(em), round(1.4 * em), round(1.2 * em)
    cells: list[tuple[float, float, str]] = []
    left = em
    for block in blocks:
        starts, width = _columns(block, font, gap)
        for index, row in enumerate(block):
            baseline = round(1.8 * em) + index * line
            cells += [(left + x, baseline, cell) for x, cell in zip(starts, row, strict=False)]
        left += width + 2 * gap
    height = 2 * em + (max(map(len, blocks)) - 1) * line + em
    return _Text(cells, left - 2 * gap + em, height, em)


def _columns(block: Sequence[_Row], font: _Font, gap: int) -> tuple[list[int], int]:
    """Return where a block's columns begin and its width; a row of one cell may use all of it."""
    starts, right = [0], 0
    for column in zip_longest(*(row for row in block if len(row) > 1), fillvalue=""):
        right = starts[-1] + round(max(map(font.getlength, column)))
        starts.append(right + gap)
    alone = [round(font.getlength(row[0])) for row in block if len(row) == 1]
    return starts, max([right, *alone])


def _em(size: Size) -> int:
    """Return the type size in pixels for an output of this size."""
    return max(round(size[1] / 40), 12)


def margin(size: Size) -> int:
    """Return the distance from the output's edge in pixels."""
    return max(size[1] // 50, 1)


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
