"""Keep the canvas on the GPU: warp it, in parts where that takes long, and replace it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import moderngl

from liveflight.core.contracts import LiveflightError, Size, Warp
from liveflight.render.passes import RenderTarget, Scaling
from liveflight.render.region import Region
from liveflight.render.warp import PLAIN, Texture, WarpPass


@dataclass
class RunningWarp:
    """Describe a warp that is drawn by and by."""

    warp: Warp
    detail: Texture
    seed: int
    rows: int = 0
    """Rows that are drawn, from the first."""


class CanvasRenderer:
    """The canvas: RGBA16F, row 0 (v = 0) at the top.

    It begins as mid grey. Values may lie somewhat outside 0..1: see tone.glsl."""

    def __init__(self, ctx: moderngl.Context, size: Size, region: Region | None = None) -> None:
        """Make a canvas of this width and height in pixels, or a part of it.

        Raises LiveflightError where this GPU has no such texture."""
        self._ctx = ctx
        self._warping = WarpPass(ctx)
        self._resample = Scaling(ctx, "resample.frag")
        self._frames = 0
        self.region = region or Region.whole(size)
        """The part of the canvas that the texture holds."""
        self._canvas, self._spare = self._targets(self.region.rect.size)
        self.running: RunningWarp | None = None
        """The warp that is being drawn into `spare`, if any."""
        self._warm_up()
        self._canvas.framebuffer.clear(0.5, 0.5, 0.5, 1.0)

    @property
    def size(self) -> Size:
        """Return the width and height in pixels."""
        return self.region.canvas

    @property
    def texture(self) -> moderngl.Texture:
        """Return the canvas; the end of a warp, `renew` or `resize` replaces the texture."""
        return self._canvas.texture

    @property
    def framebuffer(self) -> moderngl.Framebuffer:
        """Return the framebuffer that draws into the canvas."""
        return self._canvas.framebuffer

    @property
    def spare(self) -> moderngl.Framebuffer:
        """Return the framebuffer that the running warp draws into."""
        return self._spare.framebuffer

    def begin_warp(self, warp: Warp, detail: Texture = PLAIN) -> None:
        """Begin to warp the canvas; an identity leaves every bit unchanged."""
        self._frames = (self._frames + 1) & 0xFFFFFFFF
        self.running = RunningWarp(warp, detail, self._frames)

    def continue_warp(self, rows: int) -> bool:
        """Draw that many more rows of the running warp; return whether it is complete.

        The canvas is replaced once it is."""
        running = self.running
        if running is None:
            return False
        end = min(running.rows + max(rows, 1), self.size[1])
        part = range(running.rows, end)
        self._warping.draw(
            self._spare, self.texture, running.warp, running.seed, running.detail, part
        )
        running.rows = end
        if end < self.size[1]:
            return False
        self._canvas, self._spare = self._spare, self._canvas
        self.running = None
        return True

    def warp(self, warp: Warp, detail: Texture = PLAIN) -> None:
        """Warp the canvas at once; drops a running warp."""
        self.begin_warp(warp, detail)
        self.continue_warp(self.size[1])

    def renew(self, write: Callable[[moderngl.Texture], None]) -> None:
        """Replace the canvas by what `write` puts into a texture of its size.

        The canvas stays as it was if `write` raises. Drops a running warp."""
        self.running = None
        write(self._spare.texture)
        self._canvas, self._spare = self._spare, self._canvas

    def resize(self, size: Size) -> None:
        """Resample the picture to another width and height; another aspect ratio stretches it.

        Drops a running warp. Raises LiveflightError, and changes nothing, where this GPU has no
        such texture."""
        if size == self.size:
            return
        canvas, spare = made = self._targets(size)
        try:
            self._resampled(self._canvas, canvas)
        except BaseException:
            for target in made:
                target.release()
            raise
        self.running = None
        for target in (self._canvas, self._spare):
            target.release()
        self._canvas, self._spare = canvas, spare
        self.region = Region.whole(size)

    def release(self) -> None:
        for target in (self._canvas, self._spare):
            target.release()
        for part in (self._warping, self._resample):
            part.release()

    def _targets(self, size: Size) -> list[RenderTarget]:
        """Make two render targets of this size, or none."""
        largest = self._ctx.info["GL_MAX_TEXTURE_SIZE"]
        if not all(2 <= side <= largest for side in size):
            raise LiveflightError(
                f"canvas {size[0]}x{size[1]}: each side may be 2 to {largest} pixels on this GPU"
            )
        made: list[RenderTarget] = []
        try:
            while len(made) < 2:
                made.append(RenderTarget(self._ctx, size))
        except LiveflightError:
            for target in made:
                target.release()
            raise
        return made

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
        """Draw once with every shader: drivers compile at first use, which would delay a frame."""
        self._warping.warm_up(self._spare, self.texture)
        for scale in (0.5, 2.0):
            uniforms = {"axis": 0, "scale": scale, "offset": 0.0}
            self._resample.draw(self._spare.framebuffer, (0, 0, 2, 2), self.texture, uniforms)
