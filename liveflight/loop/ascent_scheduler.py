"""Schedule ascent ticks within frames: their start, how long a frame waits, what failures do."""

from __future__ import annotations

from collections.abc import Callable

from liveflight.core import ascent
from liveflight.core.camera import fold_lines
from liveflight.core.contracts import LiveflightError, Mix, OutOfMemoryError, Size
from liveflight.core.fault_guard import FaultGuard
from liveflight.core.view_planner import ViewPlanner
from liveflight.core.views import View
from liveflight.loop.feedback_loop import FeedbackLoop
from liveflight.loop.frame_pacer import FramePacer
from liveflight.loop.frame_timer import FrameTimer
from liveflight.show.flight import Flight

_STEP, _START = "an ascent step", "the start of an ascent step"
_UPKEEP = "the upkeep of the canvas"
"""Names of these parts of a frame in the fault guard's reports."""

_LONGEST_TICK_DECAY = 0.97
"""Factor per tick by which the duration of the longest recent tick is forgotten."""


class AscentScheduler:
    """Start ticks, wait for them as long as a frame can, and handle the ones that fail.

    A tick is one `Engine.directions`; it may take longer than a frame."""

    def __init__(
        self,
        flight: Flight,
        feedback_loop: FeedbackLoop,
        frame_pacer: FramePacer,
        frame_timer: FrameTimer,
        listen: Callable[[], None],
        guard: FaultGuard,
        planner: ViewPlanner,
    ) -> None:
        """`listen` applies the messages that wait in the mailbox; `planner` places the views."""
        self._flight, self._feedback_loop = flight, feedback_loop
        self._frame_pacer, self._frame_timer = frame_pacer, frame_timer
        self._apply_messages = listen
        self._guard = guard
        self._planner = planner
        feedback_loop.on_warp = planner.moved
        self.failing_s = 0.0
        """Seconds of flight for which every step, or the upkeep of the canvas, has failed."""
        self._failing: set[str] = set()
        """Parts whose last attempt failed."""
        self._longest_s = 0.0
        """Seconds that the longest recent tick took, slowly forgotten."""

    def fit(self, output: Size) -> None:
        """Let the canvas follow an output of this width and height, and prepare views' sizes.

        Where the graphics memory has no room for a canvas, it gets smaller."""
        pacer = self._frame_pacer
        pacer.fit_views()
        pacer.follow_output(output, self._flight.controls.word("show.fit"))
        try:
            self._feedback_loop.resize(pacer.canvas)
        except LiveflightError as error:
            if not (self._guard.live and pacer.no_room()):
                raise
            self._flight.reports.add(f"{error}: going on with a smaller canvas")

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
            self._frame_pacer.note_turnaround(parts.get("hand-over", 0.0) + parts.get("views", 0.0))
        return began

    def ascend(self, dt: float, began: bool) -> None:
        """Begin this frame's tick unless one is running; show its result at once if it fits."""
        if not (began or self._feedback_loop.ticking) and self._begin():
            self._arrived()
        upkeep = ascent.upkeep(self._flight.controls)
        finite = self._guard.run(_UPKEEP, self._feedback_loop.advance, dt, upkeep)
        self._note(_UPKEEP, failed=finite is None)
        if finite is False:
            self._flight.reports.add("the picture is not finite: starting again from noise")
        self.failing_s = self.failing_s + dt if self._failing else 0.0

    def _begin(self) -> bool:
        """Begin a tick; return whether one could begin. None begins for a while after a failure."""
        if self._feedback_loop.since < self._frame_pacer.tick_interval:
            return False
        if not self._guard.ready(_STEP):
            return False
        began = self._guard.run(_START, self._start)
        if not began:  # False: there is nothing to do
            self._note(_STEP, failed=began is None)
        return bool(began)

    def _start(self) -> bool:
        """Begin a tick, unless nothing is loaded or the views are too large; return success."""
        engine, size = self._flight.loader.engine, self._flight.target_selector.size
        if engine is None or size is None or self._frame_pacer.halted:
            return False
        controls, loop = self._flight.controls, self._feedback_loop
        seconds = min(loop.since, max(ascent.LONGEST_TICK_S, self._frame_pacer.interval))
        if reason := loop.use_engine(engine):
            self._flight.reports.add(reason)
        views = [self._view(size) for _ in range(self._frame_pacer.steps * loop.ranks)]
        if not views:
            return False
        if len(views) != loop.steps:
            self._flight.loader.views_changed()
        amount = ascent.amount(controls, seconds)
        try:
            loop.begin(engine, views, ascent.ascent(controls), amount, size)
        except OutOfMemoryError as error:
            self._shrink(error)
            return False
        return True

    def _view(self, size: Size) -> tuple[View, Mix]:
        """Return the next view, of this size in pixels, and the mix of where it lies."""
        canvas = self._feedback_loop.size
        settings = ascent.view_settings(self._flight.controls)
        visible = self._frame_pacer.visible
        lines = fold_lines(self._feedback_loop.shown)
        view = self._planner.next(canvas, size, settings, visible, lines)
        where = view.x * canvas[1] / canvas[0] + 0.5, view.y + 0.5
        return view, self._flight.preset_player.mix_at(*where)

    def _arrived(self) -> bool:
        """Return whether the tick has ended; report a failed one and keep the last good picture."""
        arrived = self._guard.run(_STEP, self._take)
        if arrived is None:
            self._note(_STEP, failed=True)
        return bool(arrived) or not self._feedback_loop.ticking

    def _take(self) -> bool:
        try:
            if not self._feedback_loop.collect_result(
                self._frame_pacer.ascent_time_left(self._frame_timer.elapsed)
            ):
                return False
            recent = _LONGEST_TICK_DECAY * self._longest_s
            self._longest_s = max(self._feedback_loop.duration, recent)
            loop = self._feedback_loop
            self._frame_pacer.ticked(loop.duration, -(-loop.steps // loop.ranks))
            self._note(_STEP, failed=False)
        except FloatingPointError as error:
            self._note(_STEP, failed=True)
            text = f"{error}: the picture stays as it is"
            if not self._guard.live:
                self._flight.reports.add(text)
            else:
                self._guard.failed(_STEP, error, text)
        except (OutOfMemoryError, MemoryError) as error:
            self._shrink(error)
        return True

    def _note(self, part: str, *, failed: bool) -> None:
        (self._failing.add if failed else self._failing.discard)(part)

    def _shrink(self, error: Exception) -> None:
        """Go on with smaller views; raise the error where there are none, and in a render."""
        if not (self._guard.live and self._frame_pacer.out_of_memory()):
            raise error
        self._flight.reports.add(f"{error}: going on with smaller views")
