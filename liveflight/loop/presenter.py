"""What is seen on the output: the canvas, as bright as it is wanted, and text over it."""

from __future__ import annotations

import numpy as np

from liveflight.core.contracts import Output
from liveflight.core.frame_counter import FrameCounter
from liveflight.loop.feedback_loop import FeedbackLoop
from liveflight.render.present import Fit, PresentPass
from liveflight.show.flight import Flight

FADE = 0.5
"""Seconds a blackout takes, there and back."""


class Presenter:
    """Draws into the output's framebuffer; the output itself is given each time."""

    def __init__(
        self,
        output: Output,
        flight: Flight,
        feedback_loop: FeedbackLoop,
        frame_counter: FrameCounter,
    ) -> None:
        self._flight, self._feedback_loop, self._frame_counter = (
            flight,
            feedback_loop,
            frame_counter,
        )
        self._present = PresentPass(output.ctx)
        self._present.warm_up(output.framebuffer)
        self._master = self._drawn = 1.0
        """Brightness of the last frame, and that with which this one was drawn."""

    def draw(self, output: Output, dt: float) -> bool:
        """Draw the canvas from where the camera is now; where that fails, from where it was.
        Return True."""
        controls = self._flight.controls
        fit: Fit = "contain" if controls.word("show.fit") == "contain" else "cover"
        moved = self._flight.guard.run("the motion of the picture", self._feedback_loop.view)
        self._drawn = self._faded(dt)
        self._present.draw(
            moved or self._feedback_loop.still(),
            output.framebuffer,
            output.size,
            fit=fit,
            bottom_up=output.bottom_up,
            master=self._drawn,
            frame=self._frame_counter.frames,
        )
        return True

    def dim(self, output: Output, dt: float) -> None:
        """Make up for what was said of the brightness since `draw`."""
        self._master = self._faded(dt)
        if self._drawn and self._master != self._drawn:
            self._present.dim(output.framebuffer, output.size, self._master / self._drawn)

    def picture(self, size: tuple[int, int]) -> np.ndarray:
        """Return what is seen, without dimming and text: uint8 (H, W, 3), row 0 at the top."""
        return self._present.picture(self._feedback_loop.view(), size)

    def release(self) -> None:
        self._present.release()

    def _faded(self, dt: float) -> float:
        """The brightness of this frame, as far as it is known by now: blackouts take their time."""
        controls = self._flight.controls
        goal = 0.0 if controls.flag("show.blackout") else controls.number("show.master")
        step = dt / FADE if dt else 1.0
        return self._master + min(max(goal - self._master, -step), step)
