"""Text over the picture: the lines of the HUD in a corner, the page of keys in the middle."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from itertools import count, zip_longest
from typing import Literal, NamedTuple

import moderngl
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from liveflight.render.passes import Pass, Viewport, blending
from liveflight.system.worker import Worker

Place = Literal["corner", "centre"]

_Font = ImageFont.FreeTypeFont | ImageFont.ImageFont
_Row = list[str]
_Key = tuple[tuple[str, ...], tuple[int, int]]
"""Lines, and the output's width and height."""

_GRACE = 1.0
"""Seconds that `release` waits for a text being set."""

_COVER = 0.68
"""How dark the backing is: white text stays readable on white."""
_LONGEST = 200
"""Characters of a cell that are shown."""
_SMALLEST, _MOST_BLOCKS = 8, 4
# Pillow's built-in font has ASCII and little more; what has no plain likeness becomes a box.
_LIKE = str.maketrans("←→↑↓\u2013\u2014\u2212×•", "<>^v---x·")


class _Text(NamedTuple):
    """Lines set at one type size: every cell and where it stands, and the panel around them."""

    cells: list[tuple[float, float, str]]
    width: int
    height: int
    em: int


class _Panel(NamedTuple):
    """A texture, what was drawn into it, and the part of it that is in use."""

    key: _Key
    texture: moderngl.Texture
    width: int
    height: int


class Hud:
    """Draws text over a finished frame. One texture per place, set anew only when text or output
    size change, by a worker: milliseconds, for the page of keys tens of them. Until it is set, what
    was there before is shown."""

    def __init__(self, ctx: moderngl.Context, background: bool = False) -> None:
        """In the `background`, a new text comes a frame or more later; else at once."""
        self._ctx = ctx
        self._pass = Pass(ctx, "hud.frag")
        self._panels: dict[Place, _Panel] = {}
        self._setting: Worker[tuple[Place, _Key, np.ndarray]] = Worker(background, niceness=5)

    def draw(
        self,
        lines: Sequence[str],
        framebuffer: moderngl.Framebuffer,
        size: tuple[int, int],
        *,
        bottom_up: bool,
        place: Place = "corner",
        indent: int = 0,
    ) -> None:
        """`lines` over a framebuffer of that width and height, on a translucent dark panel: in the
        top left corner, or in the middle, set in as many blocks side by side as it takes. A tab
        parts a line's columns, an empty line is where a block may end. What does not fit is cut
        off, what the font lacks is shown by something like it or a box. In the corner the panel
        stands `indent` pixels further to the right.

        `bottom_up`: row 0 of the framebuffer is the bottom of what is seen, as in a window. Leaves
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
        """Draws an empty panel into a corner: drivers compile a shader at its first use."""
        texture = self._ctx.texture((1, 1), 2, data=bytes(2))
        self._lay(framebuffer, (0, 0, 1, 1), texture, {"corner": (0, 0), "height": 1})
        texture.release()

    def release(self) -> None:
        self._setting.close(_GRACE)
        for panel in self._panels.values():
            panel.texture.release()
        self._panels.clear()
        self._pass.release()

    def _panel(self, key: _Key, place: Place) -> _Panel | None:
        """What is to be shown there, as far as it has been set."""
        held = self._panels.get(place)
        if (held is None or held.key != key) and not self._setting.busy:
            self._setting.submit(lambda: (place, key, rasterised(*key, place)))
        if self._setting.busy and self._setting.wait():
            self._hang(*self._setting.result())
        return self._panels.get(place)

    def _hang(self, place: Place, key: _Key, pixels: np.ndarray) -> None:
        held = self._panels.get(place)
        height, width = pixels.shape[:2]
        texture = held.texture if held is not None else None
        if texture is None or texture.width < width or texture.height < height:
            # Room to grow: the numbers in a HUD change their width all the time.
            most = self._ctx.info["GL_MAX_TEXTURE_SIZE"]
            size = (min(width + width // 4, most), min(height + height // 4, most))
            made = self._ctx.texture(size, 2)  # first: the one before may have to stay
            if texture is not None:
                texture.release()
            texture = made
        texture.write(pixels, viewport=(0, 0, width, height))
        self._panels[place] = _Panel(key, texture, width, height)


def rasterised(lines: Sequence[str], size: tuple[int, int], place: Place) -> np.ndarray:
    """The panel for an output of that width and height: uint8 (h, w, 2), row 0 at the top: the
    light of the text and how much of the picture is covered, premultiplied. Never larger than the
    output."""
    room = (max(size[0] - 2 * margin(size), 1), max(size[1] - 2 * margin(size), 1))
    rows = [[plain(cell) for cell in line.split("\t")] for line in lines]
    text = _set([rows], _em(size)) if place == "corner" else _fitted(rows, room, _em(size))
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


def _fitted(rows: Sequence[_Row], room: tuple[int, int], em: int) -> _Text:
    """The largest type and the fewest blocks with which the rows fit into the room."""
    for smaller in range(em, _SMALLEST - 1, -1):
        for most in range(1, _MOST_BLOCKS + 1):
            text = _set(_blocks(rows, most), smaller)
            if text.width <= room[0] and text.height <= room[1]:
                return text
    return text


def _blocks(rows: Sequence[_Row], most: int) -> list[list[_Row]]:
    """The rows in at most so many blocks, as even as can be; parted only at empty rows, if any."""
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


def _set(blocks: Sequence[Sequence[_Row]], em: int) -> _Text:
    """Sets blocks of rows of cells side by side."""
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
    """Where a block's columns begin, and its width. A row of one cell may run on over all of it."""
    starts, right = [0], 0
    for column in zip_longest(*(row for row in block if len(row) > 1), fillvalue=""):
        right = starts[-1] + round(max(map(font.getlength, column)))
        starts.append(right + gap)
    alone = [round(font.getlength(row[0])) for row in block if len(row) == 1]
    return starts, max([right, *alone])


def _em(size: tuple[int, int]) -> int:
    """The type size in pixels."""
    return max(round(size[1] / 40), 12)


def margin(size: tuple[int, int]) -> int:
    return max(size[1] // 50, 1)


def plain(cell: str) -> str:
    """Something the font engine takes: it raises on lone surrogates and breaks lines by itself."""
    likened = unicodedata.normalize("NFKD", cell[:_LONGEST].translate(_LIKE))
    return "".join(c if c.isprintable() else "?" for c in likened if not unicodedata.combining(c))


@lru_cache(maxsize=64)
def face(em: int) -> _Font:
    """Return the type at that size in pixels."""
    return ImageFont.load_default(em)
