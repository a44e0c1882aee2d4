"""The dream's ticks within the show's frames: when one begins, how long a frame waits for it, and
what becomes of one that fails."""

from __future__ import annotations

from collections.abc import Callable

from liveflight.core.ascent import LONGEST_TICK_S, ascent
from liveflight.core.contracts import LiveflightError, OutOfMemoryError
from liveflight.core.fault_guard import FaultGuard
from liveflight.loop.feedback_loop import FeedbackLoop
from liveflight.loop.frame_pacer import FramePacer
from liveflight.loop.frame_timer import FrameTimer
from liveflight.show.flight import Flight
from liveflight.show.loader import Size

_STEP, _START = "an ascent step", "the start of an ascent step"
"""The parts of a frame, as the guard knows them."""

_ADRIFT = 1.0
"""Seconds without a tick after which the canvas follows the camera without one: looked at from ever
further away, it would come to nothing."""

_FORGETTING = 0.97
"""What is left after every tick of a longer one before it."""


class AscentScheduler:
    def __init__(
        self,
        flight: Flight,
        feedback_loop: FeedbackLoop,
        frame_pacer: FramePacer,
        frame_timer: FrameTimer,
        listen: Callable[[], None],
        guard: FaultGuard,
    ) -> None:
        """`listen` has the flight hear what was asked of it until now."""
        self._flight, self._feedback_loop, self._frame_pacer, self._frame_timer = (
            flight,
            feedback_loop,
            frame_pacer,
            frame_timer,
        )
        self._listen = listen
        self._guard = guard
        self._longest = 0.0
        """Seconds that hardly any tick of late has taken more than."""

    def spare(self) -> float:
        """Seconds that this frame has left, but for a tick that begins in it and may fit: with as
        much as the slower ones take, for one that just misses its frame is seen a frame later."""
        left = self._frame_pacer.patience(self._frame_timer.elapsed)
        return left if self._feedback_loop.ticking else left - self._longest

    def poll_ascent(self) -> bool:
        """Waits for the tick of an earlier frame for as long as there is time, and begins another
        as soon as it has arrived; whether it did. All of it before the controls are read: what a
        performer does then reaches the screen without having waited for the ascent."""
        began = False
        while (
            self._feedback_loop.ticking
            and self._arrived()
            and not began
            and self._feedback_loop.since
        ):
            self._listen()
            self._frame_timer.end("control")
            began = self._flight.flying and self._begin()
        if began:
            parts = self._frame_timer.seconds
            self._frame_pacer.turned(parts.get("hand-over", 0.0) + parts.get("warp", 0.0))
        return began

    def ascend(self, dt: float, began: bool) -> None:
        """The tick of this frame, unless one has begun in it; seen at once if it fits."""
        if not (began or self._feedback_loop.ticking) and self._begin():
            self._arrived()
        if self._feedback_loop.since > _ADRIFT and not self._feedback_loop.ticking:
            self._guard.run("the motion of the canvas", self._feedback_loop.settle)
        self._guard.run("the growth of the picture", self._feedback_loop.grow, dt)

    def _begin(self) -> bool:
        """Whether a tick could begin. Not for a while after one that failed."""
        return self._guard.ready(_STEP) and bool(self._guard.run(_START, self._start))

    def _start(self) -> bool:
        """Whether a tick could begin: not while the canvas is too large for the memory."""
        engine, size = self._flight.loader.engine, self._flight.target_selector.size
        if engine is None or size is None or self._frame_pacer.halted:
            return False
        seconds = min(self._feedback_loop.since, max(LONGEST_TICK_S, self._frame_pacer.interval))
        settings = ascent(self._flight.controls, seconds, self._frame_pacer.steps)
        if slower := self._feedback_loop.couple(engine):
            self._flight.reports.add(slower)
        if not self._fits(size):
            return False
        self._feedback_loop.begin(engine, self._flight.mix(), settings, self._feedback_loop.size)
        return True

    def _fits(self, size: Size) -> bool:
        """Give the canvas that size; whether a tick can begin on what it has come to. Where the
        graphics memory has no room for it, a smaller one is prepared, or else it stays as it is."""
        try:
            self._feedback_loop.resize(size)
        except LiveflightError as error:
            if not self._guard.live:
                raise
            self._flight.reports.add(error)
            return not self._frame_pacer.out_of_memory()
        return True

    def _arrived(self) -> bool:
        """Whether the tick in flight has come to an end; one that failed is reported, and the last
        good picture moves on."""
        return bool(self._guard.run(_STEP, self._take)) or not self._feedback_loop.ticking

    def _take(self) -> bool:
        try:
            if not self._feedback_loop.arrive(
                self._frame_pacer.patience(self._frame_timer.elapsed)
            ):
                return False
            self._longest = max(self._feedback_loop.duration, _FORGETTING * self._longest)
            self._frame_pacer.ticked(self._feedback_loop.duration, self._feedback_loop.steps)
        except FloatingPointError as error:
            self._feedback_loop.reseed()
            said = f"{error}: starting again from noise"
            if not self._guard.live:
                self._flight.reports.add(said)
            else:
                self._guard.failed(_STEP, error, said)
        except (OutOfMemoryError, MemoryError) as error:
            if not (self._guard.live and self._frame_pacer.out_of_memory()):
                raise
            self._flight.reports.add(f"{error}: going on with a smaller canvas")
        return True
