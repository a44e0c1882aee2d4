"""Draw the canvas into the output, at the wanted brightness, and small for who wants a preview."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

from liveflight.core.contracts import Output, Size, Warp
from liveflight.core.frame_counter import FrameCounter
from liveflight.loop.feedback_loop import FeedbackLoop
from liveflight.render.canvas_transfer import read_picture
from liveflight.render.present import Fit, PresentPass
from liveflight.render.preview import PreviewPass
from liveflight.show.flight import Flight

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


class Presenter:
    """Draw into the framebuffer of the output that each call gives."""

    def __init__(
        self,
        output: Output,
        flight: Flight,
        feedback_loop: FeedbackLoop,
        frame_counter: FrameCounter,
    ) -> None:
        self._flight = flight
        self._feedback_loop = feedback_loop
        self._frame_counter = frame_counter
        self.present_pass = PresentPass(output.ctx)
        self.present_pass.warm_up(output.framebuffer)
        self.viewer: Viewer | None = None
        """Who is shown previews."""
        self._preview_pass = PreviewPass(output.ctx, self.present_pass)
        self.dimmer = 1.0
        """Factor on the brightness, 0..1, that no performer sets: 0 while the show is closed."""
        self._master = self._drawn = 1.0
        """Brightness of the last frame, undimmed, and that with which this one was drawn."""
        self._frame = np.empty((0, 0, 3), np.uint8)
        """The last frame that was read, upside down if the output is `bottom_up`."""

    def draw(self, output: Output, dt: float) -> bool:
        """Draw the canvas as the camera sees it now; return True."""
        controls = self._flight.controls
        fit: Fit = "contain" if controls.word("show.fit") == "contain" else "cover"
        self._drawn = self._faded(dt) * self.dimmer
        warp = self._feedback_loop.shown
        if self.dimmer:
            self._present(output, fit, warp)
        else:  # no work for a picture that nobody sees
            output.framebuffer.use()
            output.framebuffer.clear(0.0, 0.0, 0.0, 1.0)
        if self.viewer:
            self._flight.guard.run("the preview", self._preview, self.viewer, output, fit, warp)
        return True

    def _present(self, output: Output, fit: Fit, warp: Warp) -> None:
        self.present_pass.draw(
            self._feedback_loop.texture(),
            output.framebuffer,
            output.size,
            warp=warp,
            sharp=None if self._flight.guard.live else True,
            fit=fit,
            bottom_up=output.bottom_up,
            master=self._drawn,
            frame=self._frame_counter.frames,
        )

    def preview(self, framebuffer: moderngl.Framebuffer, size: Size) -> None:
        """Draw the picture as it is shown now into a framebuffer with row 0 at the top."""
        loop = self._feedback_loop
        self.present_pass.draw(
            loop.texture(),
            framebuffer,
            size,
            warp=loop.shown,
            sharp=False,
            sketch=True,
            fit="contain",
            bottom_up=False,
            master=self._drawn,
        )

    def dim(self, output: Output, dt: float) -> None:
        """Correct the drawn frame for changes of the brightness since `draw`.

        Then deliver a preview that is ready."""
        self._master = self._faded(dt)
        wanted = self._master * self.dimmer
        if self._drawn and wanted != self._drawn:
            self.present_pass.dim(output.framebuffer, output.size, wanted / self._drawn)
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
        return self.present_pass.picture(loop.texture(), size, loop.shown)

    def _preview(self, viewer: Viewer, output: Output, fit: Fit, warp: Warp) -> None:
        """Draw a preview of this frame where one is wanted."""
        if viewer.wanted:
            viewer.begin()
            self._preview_pass.draw(
                *(self._feedback_loop.texture(), output.size),
                warp=warp,
                fit=fit,
                master=self._drawn,
                frame=self._frame_counter.frames,
            )
            output.framebuffer.use()

    def _deliver(self, viewer: Viewer) -> None:
        if (picture := self._preview_pass.take()) is not None:
            viewer.deliver(picture)

    def release(self) -> None:
        self._preview_pass.release()
        self.present_pass.release()

    def _faded(self, dt: float) -> float:
        """Return the brightness of this frame as of now, with gradual blackouts."""
        controls = self._flight.controls
        goal = 0.0 if controls.flag("show.blackout") else controls.number("show.master")
        step = dt / FADE_S if dt else 1.0
        return self._master + min(max(goal - self._master, -step), step)
