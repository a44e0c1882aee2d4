"""Measure each frame for the governor, and publish values and messages to the controllers."""

from __future__ import annotations

from liveflight.core.frame_counter import FrameCounter
from liveflight.core.mailbox import Message
from liveflight.loop.frame_pacer import FramePacer
from liveflight.loop.frame_timer import FrameTimer
from liveflight.loop.open_controllers import OpenControllers
from liveflight.loop.show_status import ShowStatus
from liveflight.show.flight import Flight

_MAX_PUBLISH_DELAY_S = 0.1
"""Seconds for which late frames may leave publishing to the next one."""


class Publisher:
    """Publish what a frame changed; a late frame leaves it to the next one."""

    def __init__(
        self,
        flight: Flight,
        controllers: OpenControllers,
        frame_pacer: FramePacer,
        frame_timer: FrameTimer,
        frame_counter: FrameCounter,
    ) -> None:
        self.heard: list[Message] = []
        """The messages of this frame."""
        self._flight, self._controllers = flight, controllers
        self._frame_pacer, self._frame_timer = frame_pacer, frame_timer
        self._frame_counter = frame_counter
        self.status = ShowStatus(flight, frame_pacer)
        self._dt = 0.0
        """Seconds that this frame stands for."""
        self._delay_s = 0.0
        """Seconds since the controllers were last told."""

    def advance(self, dt: float) -> None:
        """Begin a frame, `dt` seconds after the last one."""
        self._dt = dt
        self._delay_s += dt

    @property
    def is_late(self) -> bool:
        """Return whether this frame delays the next one, and may leave work to it."""
        behind = self._frame_pacer.behind(self._frame_timer.elapsed, self._frame_counter.rate)
        return behind and self._delay_s < _MAX_PUBLISH_DELAY_S

    def measure(self, now: float, vsync: bool, running: float) -> None:
        """Give the finished frame's times to the governor and to the controls that show them.

        `vsync`: showing the frame waited for the display. `running`: seconds that the ascent step
        in flight has taken until now; 0 for none."""
        parts, counter = self._frame_timer.seconds, self._frame_counter
        showing = parts["show"]
        drawing = parts.get("present", 0.0) + (0.0 if vsync else showing)
        self._frame_pacer.displayed(now, counter.interval, drawing, showing, running)
        self._flight.controls.set("show.fps", round(counter.rate, 1))
        self._flight.controls.set("show.late", counter.late)

    def publish(self, now: float, later: bool) -> None:
        """Publish the frame's values and messages, or leave them to the next frame."""
        self._flight.guard.run("the show's status", self.status.advance, self._dt)
        heard, self.heard = self.heard, []
        self._flight.guard.run("feedback to controllers", self._publish, now, heard, later)
        if not later:
            self._delay_s = 0.0

    def _publish(self, now: float, heard: list[Message], later: bool) -> None:
        self._controllers.publish(now, self._flight.values(), heard, later=later)
