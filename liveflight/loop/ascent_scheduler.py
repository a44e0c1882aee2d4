"""Schedule ascent ticks within frames: their start, how long a frame waits, what failures do."""

from __future__ import annotations

from collections.abc import Callable

from liveflight.core.ascent import LONGEST_TICK_S, ascent
from liveflight.core.contracts import LiveflightError, OutOfMemoryError, Size
from liveflight.core.fault_guard import FaultGuard
from liveflight.loop.feedback_loop import FeedbackLoop
from liveflight.loop.frame_pacer import FramePacer
from liveflight.loop.frame_timer import FrameTimer
from liveflight.show.flight import Flight

_STEP, _START = "an ascent step", "the start of an ascent step"
"""Names of these parts of a frame in the fault guard's reports."""

_MAX_CAMERA_LAG_S = 1.0
"""Seconds without a tick after which the canvas follows the camera on its own.

Otherwise the camera would move ever further away from it, until nothing is left to see."""

_LONGEST_TICK_DECAY = 0.97
"""Factor per tick by which the duration of the longest recent tick is forgotten."""


class AscentScheduler:
    """Start ticks, wait for them as long as a frame can, and handle the ones that fail.

    A tick is one `Engine.ascend`; it may take longer than a frame."""

    def __init__(
        self,
        flight: Flight,
        feedback_loop: FeedbackLoop,
        frame_pacer: FramePacer,
        frame_timer: FrameTimer,
        listen: Callable[[], None],
        guard: FaultGuard,
    ) -> None:
        """`listen` applies the messages that wait in the mailbox."""
        self._flight, self._feedback_loop = flight, feedback_loop
        self._frame_pacer, self._frame_timer = frame_pacer, frame_timer
        self._apply_messages = listen
        self._guard = guard
        self._longest_s = 0.0
        """Seconds that the longest recent tick took, slowly forgotten."""

    def spare(self) -> float:
        """Return the seconds of this frame that neither drawing nor a new tick needs.

        A tick is expected to take as long as the slower recent ones: one that just misses its frame
        is seen a frame later."""
        left = self._frame_pacer.ascent_time_left(self._frame_timer.elapsed)
        return left if self._feedback_loop.ticking else left - self._longest_s

    def await_tick(self) -> bool:
        """Wait for an earlier frame's tick, and begin the next as soon as it arrives.

        Waits only as long as this frame has time. Return whether a tick began. This comes before
        the controls are read: what a performer does then need not wait for the ascent."""
        began = False
        while (
            self._feedback_loop.ticking
            and self._arrived()
            and not began
            and self._feedback_loop.since
        ):
            self._apply_messages()
            self._frame_timer.end("control")
            began = self._flight.flying and self._begin()
        if began:
            parts = self._frame_timer.seconds
            self._frame_pacer.note_turnaround(parts.get("hand-over", 0.0) + parts.get("warp", 0.0))
        return began

    def ascend(self, dt: float, began: bool) -> None:
        """Begin this frame's tick unless one is running; show its result at once if it fits."""
        if not (began or self._feedback_loop.ticking) and self._begin():
            self._arrived()
        if self._feedback_loop.since > _MAX_CAMERA_LAG_S and not self._feedback_loop.ticking:
            self._guard.run("the motion of the canvas", self._feedback_loop.apply_pending_motion)
        self._guard.run("the growth of the picture", self._feedback_loop.blend_displayed, dt)

    def _begin(self) -> bool:
        """Begin a tick; return whether one could begin. None begins for a while after a failure."""
        return self._guard.ready(_STEP) and bool(self._guard.run(_START, self._start))

    def _start(self) -> bool:
        """Begin a tick, unless nothing is loaded or the canvas is too large; return success."""
        engine, size = self._flight.loader.engine, self._flight.target_selector.size
        if engine is None or size is None or self._frame_pacer.halted:
            return False
        seconds = min(self._feedback_loop.since, max(LONGEST_TICK_S, self._frame_pacer.interval))
        settings = ascent(self._flight.controls, seconds, self._frame_pacer.steps)
        if reason := self._feedback_loop.use_engine(engine):
            self._flight.reports.add(reason)
        if not self._fits(size):
            return False
        self._feedback_loop.begin(engine, self._flight.mix(), settings, self._feedback_loop.size)
        return True

    def _fits(self, size: Size) -> bool:
        """Resize the canvas; return whether a tick can begin.

        `size`: width and height in pixels. Where the graphics memory has no room for it, a smaller
        canvas is prepared; where there is none smaller, the canvas stays as it is."""
        try:
            self._feedback_loop.resize(size)
        except LiveflightError as error:
            if not self._guard.live:
                raise
            self._flight.reports.add(error)
            return not self._frame_pacer.out_of_memory()
        return True

    def _arrived(self) -> bool:
        """Return whether the tick has ended; report a failed one and keep the last good picture."""
        return bool(self._guard.run(_STEP, self._take)) or not self._feedback_loop.ticking

    def _take(self) -> bool:
        try:
            if not self._feedback_loop.collect_result(
                self._frame_pacer.ascent_time_left(self._frame_timer.elapsed)
            ):
                return False
            recent = _LONGEST_TICK_DECAY * self._longest_s
            self._longest_s = max(self._feedback_loop.duration, recent)
            self._frame_pacer.ticked(self._feedback_loop.duration, self._feedback_loop.steps)
        except FloatingPointError as error:
            self._feedback_loop.reseed()
            text = f"{error}: starting again from noise"
            if not self._guard.live:
                self._flight.reports.add(text)
            else:
                self._guard.failed(_STEP, error, text)
        except (OutOfMemoryError, MemoryError) as error:
            if not (self._guard.live and self._frame_pacer.out_of_memory()):
                raise
            self._flight.reports.add(f"{error}: going on with a smaller canvas")
        return True
