"""Keep the canvas on the GPU: warp it, renew it, and blend what is seen towards it."""

from __future__ import annotations

from collections.abc import Callable

import moderngl

from liveflight.core.camera import is_identity
from liveflight.core.contracts import LiveflightError, Size, Warp
from liveflight.render.passes import Pass, RenderTarget, Scaling
from liveflight.render.warp import WarpPass


class CanvasRenderer:
    """The canvas: RGBA16F, row 0 (v = 0) at the top, independent of the window's size.

    It begins as mid grey. The seen picture may lag behind the canvas: `renew` can keep the previous
    picture, which `blend` then brings towards the new one."""

    def __init__(self, ctx: moderngl.Context, size: Size) -> None:
        """Make a canvas of this width and height in pixels.

        Raises LiveflightError where this GPU has no such texture."""
        self._ctx = ctx
        self._warping = WarpPass(ctx)
        self._blending = Pass(ctx, "blend.frag")
        self._resample = Scaling(ctx, "resample.frag")
        self._frames = 0
        self._lagging = False
        self._canvas, self._seen, self._spare, self._view = self._targets(size)
        self._warm_up()
        self._canvas.framebuffer.clear(0.5, 0.5, 0.5, 1.0)

    @property
    def size(self) -> Size:
        """Return the width and height in pixels."""
        return self._canvas.size

    @property
    def texture(self) -> moderngl.Texture:
        """Return the canvas; the next `warp`, `renew` or `resize` replaces the texture."""
        return self._canvas.texture

    def warp(self, warp: Warp) -> None:
        """Warp the canvas and the seen picture; an identity leaves every bit unchanged."""
        self._canvas, self._spare = self._warped(self._canvas, warp), self._canvas
        if self._lagging:
            self._seen, self._spare = self._warped(self._seen, warp), self._seen
        self._frames = (self._frames + 1) & 0xFFFFFFFF

    def renew(self, write: Callable[[moderngl.Texture], None], *, seen: bool = True) -> None:
        """Replace the canvas by what `write` puts into a texture of its size.

        The canvas stays as it was if `write` raises. With `seen`, the new canvas is seen at once;
        else the old picture is, until `blend`."""
        write(self._spare.texture)
        old, self._canvas = self._canvas, self._spare
        if seen or self._lagging:
            self._spare = old
        else:
            self._spare, self._seen = self._seen, old
            self._lagging = True

    def tint(self, draw: Callable[[moderngl.Framebuffer], None]) -> None:
        """Let `draw` change the canvas in place; a lagging picture follows by `blend`."""
        draw(self._canvas.framebuffer)

    def blend(self, share: float) -> None:
        """Blend the seen picture towards the canvas by `share`, 0..1.

        Works texel by texel, so nothing gets softer."""
        if not self._lagging:
            return
        if share >= 1:
            self._lagging = False
            return
        whole = (0, 0, *self.size)
        self._blending.lay(self._seen.framebuffer, whole, self.texture, {"share": share})

    def view(self, warp: Warp) -> moderngl.Texture:
        """Return the seen picture moved by `warp`; valid until the next call of any method."""
        seen = self._seen if self._lagging else self._canvas
        if is_identity(warp):
            return seen.texture
        self._warping.draw(self._view, seen.texture, warp, self._frames)
        return self._view.texture

    def resize(self, size: Size) -> None:
        """Resample the picture to another width and height; another aspect ratio stretches it.

        Raises LiveflightError, and changes nothing, where this GPU has no such texture."""
        if size == self.size:
            return
        canvas, seen, spare, view = made = self._targets(size)
        try:
            self._resampled(self._canvas, canvas)
            if self._lagging:
                self._resampled(self._seen, seen)
        except BaseException:
            for target in made:
                target.release()
            raise
        for target in (self._canvas, self._seen, self._spare, self._view):
            target.release()
        self._canvas, self._seen, self._spare, self._view = canvas, seen, spare, view

    def release(self) -> None:
        for target in (self._canvas, self._seen, self._spare, self._view):
            target.release()
        for part in (self._warping, self._blending, self._resample):
            part.release()

    def _targets(self, size: Size) -> list[RenderTarget]:
        """Make four render targets of this size, or none."""
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
            for target in made:
                target.release()
            raise
        return made

    def _warped(self, target: RenderTarget, warp: Warp) -> RenderTarget:
        self._warping.draw(self._spare, target.texture, warp, self._frames)
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
        """Draw once with every shader: drivers compile at first use, which would delay a frame."""
        self._warping.warm_up(self._spare, self.texture)
        for scale in (0.5, 2.0):
            uniforms = {"axis": 0, "scale": scale, "offset": 0.0}
            self._resample.draw(self._spare.framebuffer, (0, 0, 2, 2), self.texture, uniforms)
        self._lagging = True
        self.blend(0.5)
        self._lagging = False
