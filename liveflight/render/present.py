"""Draw the canvas to an output of any size: the last pass."""

from __future__ import annotations

import logging
from contextlib import ExitStack
from typing import Literal, NamedTuple

import moderngl
import numpy as np

from liveflight.core.contracts import LiveflightError, Size
from liveflight.render.canvas_transfer import read_picture
from liveflight.render.passes import Pass, RenderTarget, Scaling, blending

log = logging.getLogger("liveflight.render")

_MIN_STRIP_PX = 64
"""Columns that are drawn at once at least, where the graphics memory is short."""

Fit = Literal["cover", "contain"]


class Rectangle(NamedTuple):
    """Whole pixels, measured from the output's top left corner; may reach beyond the output."""

    left: int
    top: int
    width: int
    height: int

    def within(self, size: Size) -> Rectangle:
        """Return the part inside an output of this width and height."""
        left, top = max(self.left, 0), max(self.top, 0)
        right = min(self.left + self.width, size[0])
        bottom = min(self.top + self.height, size[1])
        return Rectangle(left, top, right - left, bottom - top)


def placed(canvas: Size, output: Size, fit: Fit) -> Rectangle:
    """Return where the whole canvas lies on the output, centred.

    `cover` fills the output and crops the canvas; `contain` shows all of it and leaves bars. Sizes
    are width and height in pixels. Sides are rounded to whole pixels, so that bars have hard
    edges."""
    choose = max if fit == "cover" else min
    scale = choose(output[0] / canvas[0], output[1] / canvas[1])
    width, height = (max(round(side * scale), 1) for side in canvas)
    return Rectangle((output[0] - width) // 2, (output[1] - height) // 2, width, height)


class PresentPass:
    """Scale with Catmull-Rom: first along rows, then columns, with 8 texels instead of 16.

    The second pass also dims, dithers to 8 bits and turns the picture upright. `dim` corrects the
    brightness afterwards, when a newer value has arrived."""

    def __init__(self, ctx: moderngl.Context) -> None:
        self._ctx = ctx
        self._across = Scaling(ctx, "resample.frag")
        self._down = Scaling(ctx, "present.frag")
        self._dim = Pass(ctx, "dim.frag")
        self._between: RenderTarget | None = None
        self._wanted = (0, 0)
        """Width and height that were wanted for `_between`."""

    def draw(
        self,
        texture: moderngl.Texture,
        framebuffer: moderngl.Framebuffer,
        size: Size,
        *,
        bottom_up: bool,
        fit: Fit = "cover",
        master: float = 1.0,
        frame: int = 0,
    ) -> None:
        """Draw the canvas over the framebuffer, whose width and height are `size`.

        `bottom_up`: row 0 of the framebuffer is the bottom of the picture, as in a window.
        `master`: brightness, 0..1; 0 is black without noise. `frame` seeds the dither: the same
        number and picture give the same pixels. Leaves the framebuffer bound, with its whole
        viewport."""
        whole = placed(texture.size, size, fit)
        shown = whole.within(size)
        if (shown.width, shown.height) != size:
            framebuffer.use()
            framebuffer.clear(0.0, 0.0, 0.0, 1.0)
        between = self._between_of((shown.width, texture.height))
        down = {"bottom_up": bottom_up, "master": master, "frame": frame & 0xFFFFFFFF}
        down |= {"height": size[1], "offset": float(whole.top)}
        down |= {"scale": texture.height / whole.height}
        first_row = size[1] - shown.top - shown.height if bottom_up else shown.top
        for left in range(shown.left, shown.left + shown.width, between.size[0]):
            # One strip, unless memory is short.
            width = min(between.size[0], shown.left + shown.width - left)
            across = {"axis": 0, "scale": texture.width / whole.width}
            across |= {"offset": float(whole.left - left)}
            self._across.draw(between.framebuffer, (0, 0, width, texture.height), texture, across)
            where = (left, first_row, width, shown.height)
            self._down.draw(framebuffer, where, between.texture, {**down, "left": left})
        framebuffer.viewport = (0, 0, *size)

    def dim(self, framebuffer: moderngl.Framebuffer, size: Size, factor: float) -> None:
        """Multiply the brightness of the drawn frame by 0..2.

        Takes a fraction of the time of drawing again. It does not dither, so it suits a factor near
        1, for one frame."""
        factors = (moderngl.DST_COLOR, moderngl.SRC_COLOR)
        with blending(self._ctx, *factors, moderngl.ZERO, moderngl.ONE):  # the alpha stays
            self._dim.draw(framebuffer, (0, 0, *size), None, {"factor": min(factor, 2.0)})

    def picture(self, texture: moderngl.Texture, size: Size) -> np.ndarray:
        """Return the picture at this width and height: uint8 (H, W, 3), row 0 at the top."""
        with ExitStack() as made:
            colour = self._ctx.texture(size, 4)
            made.callback(colour.release)
            framebuffer = self._ctx.framebuffer([colour])
            made.callback(framebuffer.release)
            self.draw(texture, framebuffer, size, bottom_up=False)
            return read_picture(framebuffer, size, bottom_up=False)

    def warm_up(self, framebuffer: moderngl.Framebuffer) -> None:
        """Draw into a corner of the output with every shader.

        Drivers compile a shader at first use, some for a tenth of a second, which would delay a
        frame."""
        # Odd sizes: Mesa's software driver compiles separately for powers of two.
        small = RenderTarget(self._ctx, (5, 3))
        for side in (3, 9):
            self.picture(small.texture, (side, side))  # as a screenshot does
            self.draw(small.texture, framebuffer, (side, side), bottom_up=False)
        self.dim(framebuffer, (1, 1), 1.0)
        small.release()

    def release(self) -> None:
        self._release_between()
        self._across.release()
        self._down.release()
        self._dim.release()

    def _between_of(self, size: Size) -> RenderTarget:
        """Return the target between the two passes, as wide as the output.

        It is made anew only when a size changes. Where the GPU cannot make one so wide, it has
        fewer columns, at least `_MIN_STRIP_PX`."""
        if self._between is None or self._wanted != size:
            made = self._made(size)
            self._release_between()
            self._between, self._wanted = made, size
        return self._between

    def _made(self, size: Size) -> RenderTarget:
        width, height = min(size[0], self._ctx.info["GL_MAX_TEXTURE_SIZE"]), size[1]
        while True:
            try:
                return RenderTarget(self._ctx, (width, height))
            except LiveflightError as error:
                if width <= _MIN_STRIP_PX:
                    raise
                if width == size[0]:
                    log.warning("%s; until then the picture is drawn in strips", error)
                width //= 2

    def _release_between(self) -> None:
        if self._between is not None:
            self._between.release()
            self._between = None
