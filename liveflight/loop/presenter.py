"""Draw the canvas into the output, at the wanted brightness, and small for who wants a preview."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from liveflight.core.contracts import Output, Size
from liveflight.core.controls import Controls
from liveflight.core.fault_guard import FaultGuard
from liveflight.core.frame_counter import FrameCounter
from liveflight.core.rect import Rect
from liveflight.loop.feedback_loop import FeedbackLoop
from liveflight.render.canvas_transfer import read_picture
from liveflight.render.flash_limiter import FlashLimiter
from liveflight.render.present import Fit, PresentPass, placed, placed_around
from liveflight.render.preview import PreviewPass
from liveflight.render.soft_edges import SoftEdgePass
from liveflight.show import flash_switch
from liveflight.wall.tiles import Tile

if TYPE_CHECKING:
    import moderngl

FADE_S = 0.5
"""Seconds that a blackout takes in either direction."""


class Viewer(Protocol):
    """Take small pictures of what the audience sees, without HUD."""

    @property
    def wanted(self) -> bool:
        """Return whether a picture is wanted."""
        ...

    def begin(self) -> None:
        """Note that a picture has been drawn; `deliver` brings it with one of the next frames."""
        ...

    def deliver(self, picture: np.ndarray) -> None:
        """Take the picture, uint8 (H, W, 3), row 0 at the top. Must not block."""
        ...


class Shown(Protocol):
    """Say how the picture is shown, as a flight does."""

    controls: Controls
    guard: FaultGuard


class Presenter:
    """Draw into the framebuffer of the output that each call gives."""

    def __init__(
        self,
        output: Output,
        flight: Shown,
        feedback_loop: FeedbackLoop,
        frame_counter: FrameCounter,
        tile: Tile | None = None,
    ) -> None:
        """`tile`: what the output shows of the canvas; None is all of it."""
        self._flight, self._tile = flight, tile
        soft = tile is not None and any(tile.soft)
        self._soft_edges = SoftEdgePass(output.ctx, tile) if tile and soft else None
        self._feedback_loop = feedback_loop
        self._frame_counter = frame_counter
        self.present_pass = PresentPass(output.ctx)
        self.present_pass.warm_up(output.framebuffer)
        self.flash_limiter = FlashLimiter(output.ctx)
        self.flash_limiter.warm_up(output.framebuffer)
        self.viewer: Viewer | None = None
        """Who is shown previews."""
        self._preview_pass = PreviewPass(output.ctx)
        self._output = output
        self._eased = False
        """Whether the flash limiter has the picture that is shown."""
        self.dimmer = 1.0
        """Factor on the brightness, 0..1, that no performer sets: 0 while the show is closed."""
        self._wanted = 1.0
        """Brightness that was wanted as this frame was drawn, undimmed."""
        self._master = self._drawn = 1.0
        """Brightness of the last frame, undimmed, and that with which this one was drawn."""
        self._frame = np.empty((0, 0, 3), np.uint8)
        """The last frame that was read, upside down if the output is `bottom_up`."""

    def begin_at(self, brightness: float) -> None:
        """Go on from this brightness, 0..1."""
        self._master = brightness

    def draw(self, output: Output, dt: float) -> bool:
        """Draw the canvas as the camera sees it now; return True."""
        self._wanted = self._faded(dt)
        self._drawn = self._wanted * self.dimmer
        if self.dimmer:
            self._draw_limited(output, dt)
            if self._soft_edges:
                given = output.framebuffer, output.size
                self._soft_edges.draw(*given, bottom_up=output.bottom_up)
        else:  # no work for a picture that nobody sees
            self._eased = False
            output.framebuffer.use()
            output.framebuffer.clear(0.0, 0.0, 0.0, 1.0)
        if self.viewer:
            self._flight.guard.run("the preview", self._preview, self.viewer, output)
        return True

    def _draw_limited(self, output: Output, dt: float) -> None:
        """Draw the picture, and keep it from flashing."""
        limits = self._flight.controls.flag(flash_switch.KEY)
        if limits:
            target, finest = self.flash_limiter.samples(output.size)
            small = target.framebuffer, target.size
            self._draw(*small, sharp=False, sketch=True, finest=finest)
        sharp = None if self._flight.guard.live else True
        upwards = output.bottom_up
        self._draw(output.framebuffer, output.size, bottom_up=upwards, sharp=sharp)
        if limits:
            given = output.framebuffer, output.size, dt
            frame = self._frame_counter.frames
            self.flash_limiter.limit(*given, bottom_up=upwards, frame=frame)
        self._eased = limits and not self.flash_limiter.quiet
        self._flight.controls.set("show.flash_limited", self.flash_limiter.frames)

    def preview(self, framebuffer: moderngl.Framebuffer, size: Size) -> None:
        """Draw the picture as it is shown now into a framebuffer with row 0 at the top."""
        if self._eased:
            framebuffer.clear(0.0, 0.0, 0.0, 1.0)
            where = placed(self._output.size, size, "contain")
            self.flash_limiter.draw(framebuffer, where)
            framebuffer.viewport = (0, 0, *size)
        else:
            self._draw(framebuffer, size, sharp=False, sketch=True, fit="contain", frame=0)

    def dim(self, output: Output, dt: float) -> None:
        """Correct the drawn frame for changes of the brightness since `draw`.

        A picture that may have to be limited takes them with the next frame. Then deliver a preview
        that is ready."""
        limits = self._flight.controls.flag(flash_switch.KEY)
        latest = not limits or self.flash_limiter.quiet
        self._master = self._faded(dt) if latest else self._wanted
        wanted = self._master * self.dimmer
        if self._drawn and wanted != self._drawn:
            factor = wanted / self._drawn
            self.present_pass.dim(output.framebuffer, output.size, factor)
            if limits:
                self.flash_limiter.dimmed(factor)
        if self.viewer:
            self._flight.guard.run("the preview", self._deliver, self.viewer)

    def frame(self, output: Output) -> np.ndarray:
        """Return the finished frame, with dimming and text: uint8 (H, W, 3), row 0 at the top.

        Its memory is reused by the next call. Call it before `output.show`: a window's framebuffer
        is undefined afterwards."""
        width, height = output.size
        if self._frame.shape[:2] != (height, width):
            self._frame = np.empty((height, width, 3), np.uint8)
        return read_picture(
            output.framebuffer, output.size, bottom_up=output.bottom_up, into=self._frame
        )

    def picture(self, size: Size) -> np.ndarray:
        """Return the picture without dimming and text: uint8 (H, W, 3), row 0 at the top."""
        loop = self._feedback_loop
        how = self._placing(size) | {"held": loop.renderer.region}
        return self.present_pass.picture(loop.texture(), size, loop.shown, **how)

    def tile_picture(self, part: Rect) -> np.ndarray:
        """Return a part of the canvas as `picture` does, upright, a pixel for a pixel."""
        loop = self._feedback_loop
        whole = Rect(-part.left, -part.top, *loop.size)
        how = {"held": loop.renderer.region, "whole": whole}
        return self.present_pass.picture(loop.texture(), part.size, loop.shown, **how)

    def _placing(self, size: Size) -> dict[str, Any]:
        """Return where the canvas lies on an output of this size that shows a tile of it."""
        if not self._tile:
            return {}
        turns = self._tile.turns
        upright = size[::-1] if turns % 2 else size
        whole = placed_around(self._tile.shown, self._feedback_loop.size, upright)
        return {"turns": turns, "whole": whole}

    def _draw(
        self,
        framebuffer: moderngl.Framebuffer,
        size: Size,
        *,
        bottom_up: bool = False,
        fit: Fit | None = None,
        frame: int | None = None,
        **how: Any,
    ) -> None:
        """Draw the canvas as this frame shows it; `how` as in `PresentPass.draw`."""
        chosen: Fit = "contain" if self._flight.controls.word("show.fit") == "contain" else "cover"
        loop = self._feedback_loop
        how |= self._placing(size)
        self.present_pass.draw(
            *(loop.texture(), framebuffer, size),
            warp=loop.shown,
            held=loop.renderer.region,
            fit=fit or chosen,
            bottom_up=bottom_up,
            master=self._drawn,
            frame=self._frame_counter.frames if frame is None else frame,
            **how,
        )

    def _preview(self, viewer: Viewer, output: Output) -> None:
        """Draw a preview of this frame where one is wanted."""
        if viewer.wanted:
            viewer.begin()
            self._preview_pass.draw(output.size, self._draw_small)
            output.framebuffer.use()

    def _draw_small(self, framebuffer: moderngl.Framebuffer, size: Size) -> None:
        if self._eased:
            self.flash_limiter.draw(framebuffer, (0, 0, *size))
        else:
            self._draw(framebuffer, size, sharp=False, sketch=True)

    def _deliver(self, viewer: Viewer) -> None:
        if (picture := self._preview_pass.take()) is not None:
            viewer.deliver(picture)

    def release(self) -> None:
        self._preview_pass.release()
        self.flash_limiter.release()
        self.present_pass.release()
        if self._soft_edges:
            self._soft_edges.release()

    def _faded(self, dt: float) -> float:
        """Return the brightness of this frame as of now, with gradual blackouts."""
        controls = self._flight.controls
        goal = 0.0 if controls.flag("show.blackout") else controls.number("show.master")
        step = dt / FADE_S if dt else 1.0
        return self._master + min(max(goal - self._master, -step), step)
