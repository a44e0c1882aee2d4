"""The canvas, and what is seen of it while it grows and moves: what turns single pictures into a
flight.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import moderngl

from liveflight.core.camera import STILL, is_still
from liveflight.core.contracts import LiveflightError, Warp
from liveflight.render.passes import Pass, RenderTarget, Scaling
from liveflight.render.warp import WarpPass


class CanvasRenderer:
    """The canvas: RGBA16F, row 0 (v = 0) the top of the picture, whatever the window's size.
    Begins as mid grey.

    What is seen may lag behind it: `renew` can leave it at the picture from before, until `blend`
    has brought it after the new one."""

    def __init__(self, ctx: moderngl.Context, size: tuple[int, int]) -> None:
        """`size`: width and height in pixels.

        Raises LiveflightError where this GPU has no such texture."""
        self._ctx = ctx
        self._warping = WarpPass(ctx)
        self._blending = Pass(ctx, "blend.frag")
        self._resample = Scaling(ctx, "resample.frag")
        self._frames = 0
        self._lagging = False
        self._canvas, self._seen, self._spare, self._view = self._surfaces(size)
        self._warm_up()
        self._canvas.framebuffer.clear(0.5, 0.5, 0.5, 1.0)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self._canvas.size

    @property
    def texture(self) -> moderngl.Texture:
        """The canvas as it is now; after the next `warp`, `renew` or `resize` it is another one."""
        return self._canvas.texture

    def warp(self, warp: Warp) -> None:
        """Moves, folds and colours the canvas once, for good, and what is seen with it. An identity
        leaves every bit as it is."""
        self._canvas, self._spare = self._warped(self._canvas, warp), self._canvas
        if self._lagging:
            self._seen, self._spare = self._warped(self._seen, warp), self._seen
        self._frames = (self._frames + 1) & 0xFFFFFFFF

    def renew(self, write: Callable[[moderngl.Texture], None], *, seen: bool = True) -> None:
        """The canvas becomes what `write` puts into a texture of its size; where that raises, it
        stays as it was. Unless it is to be `seen` at once, what is seen stays, until `blend`."""
        write(self._spare.texture)
        old, self._canvas = self._canvas, self._spare
        if seen or self._lagging:
            self._spare = old
        else:
            self._spare, self._seen = self._seen, old
            self._lagging = True

    def tint(self, draw: Callable[[moderngl.Framebuffer], None]) -> None:
        """`draw` changes the canvas in place; what lags behind it comes after."""
        draw(self._canvas.framebuffer)

    def blend(self, share: float) -> None:
        """What is seen goes that part of the way, 0..1, to the canvas; texel by texel, so that
        nothing grows softer."""
        if not self._lagging:
            return
        if share >= 1:
            self._lagging = False
            return
        whole = (0, 0, *self.size)
        self._blending.lay(self._seen.framebuffer, whole, self.texture, {"share": share})

    def view(self, warp: Warp) -> moderngl.Texture:
        """What is seen, moved by `warp`, the canvas left alone; good until the next call of
        anything here."""
        seen = self._seen if self._lagging else self._canvas
        if is_still(warp):
            return seen.texture
        self._warping.draw(self._view, seen.texture, warp, self._frames)
        return self._view.texture

    def resize(self, size: tuple[int, int]) -> None:
        """The same picture, resampled to another width and height; stretched where the shape is
        another. Raises LiveflightError, and changes nothing, where this GPU has no such texture."""
        if size == self.size:
            return
        canvas, seen, spare, view = made = self._surfaces(size)
        try:
            self._resampled(self._canvas, canvas)
            if self._lagging:
                self._resampled(self._seen, seen)
        except BaseException:
            for surface in made:
                surface.release()
            raise
        for surface in (self._canvas, self._seen, self._spare, self._view):
            surface.release()
        self._canvas, self._seen, self._spare, self._view = canvas, seen, spare, view

    def release(self) -> None:
        for surface in (self._canvas, self._seen, self._spare, self._view):
            surface.release()
        for part in (self._warping, self._blending, self._resample):
            part.release()

    def _surfaces(self, size: tuple[int, int]) -> list[RenderTarget]:
        """Four of them."""
        largest = self._ctx.info["GL_MAX_TEXTURE_SIZE"]
        if not all(2 <= side <= largest for side in size):
            raise LiveflightError(
                f"canvas {size[0]}x{size[1]}: each side may be 2 to {largest} pixels on this GPU"
            )
        made: list[RenderTarget] = []
        try:
            while len(made) < 4:
                made.append(RenderTarget(self._ctx, size))
        except LiveflightError:
            for surface in made:
                surface.release()
            raise
        return made

    def _warped(self, surface: RenderTarget, warp: Warp) -> RenderTarget:
        self._warping.draw(self._spare, surface.texture, warp, self._frames)
        return self._spare

    def _resampled(self, old: RenderTarget, new: RenderTarget) -> None:
        (width, height), (new_width, new_height) = old.size, new.size
        between = RenderTarget(self._ctx, (new_width, height))
        across = {"axis": 0, "scale": width / new_width, "offset": 0.0}
        down = {"axis": 1, "scale": height / new_height, "offset": 0.0}
        try:
            self._resample.draw(between.framebuffer, (0, 0, *between.size), old.texture, across)
            self._resample.draw(new.framebuffer, (0, 0, *new.size), between.texture, down)
        finally:
            between.release()

    def _warm_up(self) -> None:
        """Draws once with every shader: drivers compile at the first use, and a frame would wait
        for it."""
        for flow in (0.0, 0.1):
            self._warping.draw(self._spare, self.texture, replace(STILL, flow=flow), 0)
        for scale in (0.5, 2.0):
            uniforms = {"axis": 0, "scale": scale, "offset": 0.0}
            self._resample.draw(self._spare.framebuffer, (0, 0, 2, 2), self.texture, uniforms)
        self._lagging = True
        self.blend(0.5)
        self._lagging = False
