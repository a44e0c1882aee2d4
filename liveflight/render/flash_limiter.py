"""Slow the picture down where it would flash more than three times in a second.

The limits are those of WCAG 2.x and ITU-R BT.1702. A field is any third by third of the picture. A
field's transition is a change of relative luminance of 0.1 or more, or to or from saturated red, of
a quarter of its area in the same direction: at once, or within a tenth of a second. Six in a second
are three flashes. The seventh is held back, and from then on the picture moves to each new frame so
slowly that nothing flashes, until there is less change. All else stays as it was drawn, bit by bit.
"""

from __future__ import annotations

import moderngl

from liveflight.core.contracts import Size
from liveflight.render.flash_watch import FINEST, FlashWatch
from liveflight.render.frame_texture import FrameTexture
from liveflight.render.passes import Pass, RenderTarget, Viewport


class FlashLimiter:
    """Limit the flashes of one output.

    Draw each frame small into `samples`, then call `limit` once it is in the output."""

    def __init__(self, ctx: moderngl.Context) -> None:
        self._watch = FlashWatch(ctx)
        self._ctx = ctx
        self._ease = Pass(ctx, "flash_ease.frag", filtering="bilinear")
        self._show = Pass(ctx, "flash_show.frag", filtering="bilinear")
        self._whole = Pass(ctx, "flash_show.frag", "WHOLE", filtering="bilinear")
        self._fresh = FrameTexture(ctx)
        self._eased: RenderTarget | None = None
        """The picture that is shown, in linear light, while it is watched."""
        self._spare: RenderTarget | None = None
        self._bottom_up = False
        self._watched = self._released = False
        self.limited = False
        """Whether the frame before was limited."""
        self.frames = 0
        """Limited frames until now."""

    @property
    def quiet(self) -> bool:
        """Return whether the picture has hardly flashed for a second."""
        return not self._watched

    def samples(self, output: Size) -> tuple[RenderTarget, float]:
        """Return where to draw the next frame, row 0 at the top, and `finest` for drawing it."""
        target = self._watch.samples(output)
        return target, target.size[0] / FINEST

    def limit(
        self,
        framebuffer: moderngl.Framebuffer,
        size: Size,
        dt: float,
        *,
        bottom_up: bool,
        frame: int,
    ) -> None:
        """Change what has been drawn into the framebuffer where that has to be, after `dt` s.

        `frame` is the seed of the dither. Leaves the framebuffer bound, with its whole viewport."""
        known = self._watched
        self._watched, self.limited = self._watch.told()
        self.frames += self.limited
        limits = self._watch.judge(dt)
        self._bottom_up = bottom_up
        if self._watched:
            self._move(framebuffer, size, limits, dt, known=known)
            self._draw(self._show, framebuffer, (0, 0, *size), limits, False, frame)
        framebuffer.use()
        framebuffer.viewport = (0, 0, *size)

    def dimmed(self, factor: float) -> None:
        """Note that the frame in the output has been dimmed by a factor since `limit`."""
        self._watch.dimmed(factor)

    def draw(self, framebuffer: moderngl.Framebuffer, where: Viewport) -> None:
        """Draw the picture as it is shown into a part of a framebuffer with row 0 at the top.

        Call it only while not `quiet`."""
        self._draw(self._whole, framebuffer, where, None, self._bottom_up, 0)

    def warm_up(self, framebuffer: moderngl.Framebuffer) -> None:
        """Run every shader over a corner of the output, from black, and note nothing."""
        target, _ = self.samples((16, 9))
        target.framebuffer.clear()
        limits = self._watch.judge(0.0)
        for _ in range(2):
            self._move(framebuffer, (5, 3), limits, 0.0, known=False)
        self._draw(self._show, framebuffer, (0, 0, 5, 3), limits, False, 0)
        self._draw(self._whole, framebuffer, (0, 0, 5, 3), None, True, 0)
        self._drop()

    def release(self) -> None:
        """Release everything; may be called twice."""
        if self._released:
            return
        self._released = True
        self._drop()
        self._fresh.release()
        self._watch.release()
        for each in (self._ease, self._show, self._whole):
            each.release()

    def _move(
        self,
        framebuffer: moderngl.Framebuffer,
        size: Size,
        limits: moderngl.Texture,
        dt: float,
        *,
        known: bool,
    ) -> None:
        """Move the eased picture towards what is in the framebuffer."""
        fresh = self._fresh.copy(framebuffer, size)
        if self._spare is None or self._spare.size != size:
            if self._spare:
                self._spare.release()
            self._spare = RenderTarget(self._ctx, size)
        last = self._eased.texture if self._eased else fresh
        uniforms = {"bottom_up": self._bottom_up, "known": known and bool(self._eased), "dt": dt}
        more = {"fresh": fresh, "limits": limits}
        self._ease.draw(self._spare.framebuffer, (0, 0, *size), last, uniforms, more)
        self._eased, self._spare = self._spare, self._eased

    def _draw(
        self,
        shader: Pass,
        framebuffer: moderngl.Framebuffer,
        where: Viewport,
        limits: moderngl.Texture | None,
        flipped: bool,
        frame: int,
    ) -> None:
        assert self._eased
        uniforms = {"corner": where[:2], "size": where[2:], "flipped": flipped}
        uniforms |= {"bottom_up": self._bottom_up, "frame": frame & 0xFFFFFFFF}
        more = {"limits": limits} if limits else {}
        shader.draw(framebuffer, where, self._eased.texture, uniforms, more)

    def _drop(self) -> None:
        for target in (self._eased, self._spare):
            if target:
                target.release()
        self._eased = self._spare = None
