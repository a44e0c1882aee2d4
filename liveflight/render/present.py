"""Draw the canvas to an output of any size: the last pass."""

from __future__ import annotations

import math
from contextlib import ExitStack
from typing import Any, Literal

import moderngl
import numpy as np

from liveflight.core.camera import IDENTITY
from liveflight.core.contracts import Size, Warp
from liveflight.core.rect import Rect
from liveflight.render import mesa_fences
from liveflight.render.canvas_transfer import read_picture
from liveflight.render.passes import Pass, RenderTarget, blending
from liveflight.render.region import Region
from liveflight.render.warp import (
    WARM_UP,
    DisplacementPass,
    MotionPasses,
    bends,
    columns,
    motion_uniforms,
    tone_uniforms,
)

_SHRINKING_FROM = 1.25
"""Canvas pixels per output pixel from which several are averaged."""

_KINDS = ("SHRINKING", "SHARP", "BILINEAR")

_UPWARDS = np.diag((1.0, -1.0))
_QUARTER_BACK = np.array([(0.0, 1.0), (-1.0, 0.0)])
"""Map from places of a picture that was turned clockwise by a quarter to before; y down."""

Fit = Literal["cover", "contain"]


def placed(canvas: Size, output: Size, fit: Fit) -> Rect:
    """Return where the whole canvas lies on the output, centred.

    `cover` fills the output and crops the canvas; `contain` shows all of it and leaves bars. Sizes
    are width and height in pixels. Sides are rounded to whole pixels, so that bars have hard
    edges."""
    choose = max if fit == "cover" else min
    scale = choose(output[0] / canvas[0], output[1] / canvas[1])
    width, height = (max(round(side * scale), 1) for side in canvas)
    return Rect((output[0] - width) // 2, (output[1] - height) // 2, width, height)


def placed_around(part: Rect, canvas: Size, output: Size) -> Rect:
    """Return where the whole canvas lies if a part of it fills the output.

    A canvas with another number of pixels than the output has is placed to the nearest of them."""
    across, down = output[0] / part.width, output[1] / part.height
    left, top = round(-part.left * across), round(-part.top * down)
    return Rect(left, top, round(canvas[0] * across), round(canvas[1] * down))


class PresentPass:
    """Draw the canvas as the camera sees it now, dim it, dither it to 8 bits and turn it upright.

    `dim` corrects the brightness afterwards, when a newer value has arrived."""

    def __init__(self, ctx: moderngl.Context) -> None:
        self._ctx = ctx
        self._software = mesa_fences.needed(ctx)
        self._passes = {kind: MotionPasses(ctx, "present.frag", kind) for kind in _KINDS}
        self._displacements = DisplacementPass(ctx)
        self._dim = Pass(ctx, "dim.frag")

    def draw(
        self,
        texture: moderngl.Texture,
        framebuffer: moderngl.Framebuffer,
        size: Size,
        *,
        bottom_up: bool,
        warp: Warp = IDENTITY,
        fit: Fit = "cover",
        master: float = 1.0,
        frame: int = 0,
        sharp: bool | None = None,
        sketch: bool = False,
        finest: float = 1.0,
        held: Region | None = None,
        whole: Rect | None = None,
        turns: int = 0,
    ) -> None:
        """Draw the canvas over the framebuffer, whose width and height are `size`.

        `bottom_up`: row 0 of the framebuffer is the bottom of the picture, as in a window. `warp`:
        how the picture has moved since the canvas was warped. `master`: brightness, 0..1; 0 is
        black without noise. `frame` seeds the dither: the same number and picture give the same
        pixels. `sharp`: Catmull-Rom, which takes a processor twice the time of a bilinear filter;
        by default where a GPU draws. `sketch`: where a processor draws, one bilinear read per pixel
        even where the canvas is much larger, which takes a quarter of the time. `finest`: side of
        the square that a pixel averages, in pixels: below 1 they are samples. `held`: the part of
        the canvas that the texture holds. `turns`: quarter turns clockwise of the output. `whole`:
        where the canvas lies on the output before them, by default as `fit` says. Leaves the
        framebuffer bound, with its whole viewport."""
        held = held or Region.whole(texture.size)
        canvas = held.canvas
        whole = whole or placed(canvas, size[::-1] if turns % 2 else size, fit)
        turned = whole.turned(turns, size)
        shown = turned.within(Rect.whole(size))
        if (shown.width, shown.height) != size:
            framebuffer.use()
            framebuffer.clear(0.0, 0.0, 0.0, 1.0)
        scale = canvas[1] / whole.height
        cover = scale * finest
        kind = self._kind(cover, not self._software if sharp is None else sharp)
        if sketch and self._software:
            kind = "BILINEAR"
        uniforms = motion_uniforms(warp, canvas[1]) | tone_uniforms(warp) | held.uniforms
        uniforms |= {
            "middle": turned.middle,
            "origin": turned[:2],
            "axes": columns(scale * _UPWARDS @ np.linalg.matrix_power(_QUARTER_BACK, turns)),
            "cover": cover,
            "taps": math.ceil(cover / 2),
            "height": size[1],
            "bottom_up": bottom_up,
            "master": master,
            "frame": frame & 0xFFFFFFFF,
            "share": 1.0,
        }
        first_row = size[1] - shown.top - shown.height if bottom_up else shown.top
        where = (shown.left, first_row, shown.width, shown.height)
        more = {}
        if bends(warp):
            more["displacements"] = self._displacements.draw(warp, canvas[0] / canvas[1])
        self._passes[kind].draw(warp, framebuffer, where, texture, uniforms, more)
        framebuffer.viewport = (0, 0, *size)

    def dim(self, framebuffer: moderngl.Framebuffer, size: Size, factor: float) -> None:
        """Multiply the brightness of the drawn frame by 0..2.

        Takes a fraction of the time of drawing again. It does not dither, so it suits a factor near
        1, for one frame."""
        factors = (moderngl.DST_COLOR, moderngl.SRC_COLOR)
        with blending(self._ctx, *factors, moderngl.ZERO, moderngl.ONE):  # the alpha stays
            self._dim.draw(framebuffer, (0, 0, *size), None, {"factor": min(factor, 2.0)})

    def picture(
        self, texture: moderngl.Texture, size: Size, warp: Warp = IDENTITY, **how: Any
    ) -> np.ndarray:
        """Return the picture at this width and height: uint8 (H, W, 3), row 0 at the top.

        `how`: as of `draw`."""
        with ExitStack() as made:
            colour = self._ctx.texture(size, 4)
            made.callback(colour.release)
            framebuffer = self._ctx.framebuffer([colour])
            made.callback(framebuffer.release)
            # moderngl binds the last framebuffer again later, and a released one is a GL error.
            made.callback(self._ctx.detect_framebuffer(0).use)
            self.draw(texture, framebuffer, size, bottom_up=False, warp=warp, sharp=True, **how)
            return read_picture(framebuffer, size, bottom_up=False)

    def warm_up(self, framebuffer: moderngl.Framebuffer) -> None:
        """Draw into a corner of the output with every shader.

        Drivers compile a shader at first use, some for a tenth of a second, which would delay a
        frame."""
        small = RenderTarget(self._ctx, (5, 3))
        for warp in WARM_UP:
            for side in (3, 9):
                for sharp in (False, True):
                    self.draw(
                        *(small.texture, framebuffer, (side, side)),
                        bottom_up=False,
                        warp=warp,
                        sharp=sharp,
                    )
        self.picture(small.texture, (3, 3))  # as a screenshot does
        self.dim(framebuffer, (1, 1), 1.0)
        small.release()

    def release(self) -> None:
        for each in self._passes.values():
            each.release()
        self._displacements.release()
        self._dim.release()

    def _kind(self, scale: float, sharp: bool) -> str:
        if scale > _SHRINKING_FROM:
            return "SHRINKING"
        return "SHARP" if sharp else "BILINEAR"
