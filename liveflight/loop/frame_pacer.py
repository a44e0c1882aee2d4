"""Pace the ascent for the frame rate: views per tick, sizes, how long a frame may wait.

Measurements go to the governor; its decisions are carried out here.
"""

from __future__ import annotations

import math

from liveflight.core.contracts import Size
from liveflight.core.frame_counter import Rate
from liveflight.core.governor import SCALES, Governor
from liveflight.core.tick_interval import TickInterval
from liveflight.show.flight import Flight
from liveflight.show.options import Options, canvas_size, view_size

_MARGIN_S = 0.001
"""Seconds of safety, beside the drawing time, when a frame waits for the ascent."""

_LATE_INTERVALS = 1.1
"""Intervals after which a frame delays the next one."""

_SETTLED_S = 0.5
"""Seconds for which an output keeps its size before the canvas follows."""

_SOFTWARE_WARP_FRAMES = 6
"""Frames over which a warp is spread where the processor draws: in one it would come late."""

_SOFTWARE_RENDERERS = ("llvmpipe", "softpipe", "swrast", "swiftshader", "basic render", "software")
"""Parts of the names of GL renderers that draw on the processor."""


def in_software(renderer: str) -> bool:
    """Return whether this GL_RENDERER string names one that draws on the processor."""
    return any(name in renderer.lower() for name in _SOFTWARE_RENDERERS)


def usual_rate(renderer: str) -> float:
    """Return the default frames per second for this GL_RENDERER string.

    Software renderers take the processor's time from the ascent, so they draw less often."""
    return 30.0 if in_software(renderer) else 60.0


def warp_frames(renderer: str, *, live: bool) -> int:
    """Return over how many frames a warp of the canvas is spread."""
    return _SOFTWARE_WARP_FRAMES if live and in_software(renderer) else 1


class FramePacer:
    """Decide what fits into a frame. A render, not `live`, takes the time it needs."""

    def __init__(
        self,
        flight: Flight,
        options: Options,
        output: Size,
        renderer: str = "",
        *,
        live: bool,
        most: float = math.inf,
    ) -> None:
        """`output`: its width and height in pixels. `most`: pixels that can be drawn in time.

        `renderer`: GL's name of what draws."""
        self._software = in_software(renderer)
        self.interval = 1 / options.fps
        """Seconds between two displayed frames, as wanted."""
        self.governor = Governor(self.interval)
        self.scale = 1.0
        """Size of views as a fraction of the requested size; one of the governor's SCALES."""
        self.visible = (math.inf, math.inf)
        """Width and height of the part of the canvas that is shown, in its heights."""
        self._most = most
        self._output = self._wanted = output
        self._shape = options.canvas or output
        self._stable_frames = 0
        self._canvas_ceiling = 1.0
        """Largest scale of the canvas that fits into the graphics memory."""
        self._flight = flight
        self._options = options
        self._live = live
        self._turning = self._drawing = 0.0
        self.showing = 0.0
        """Seconds that showing a frame usually takes, including any wait for the display."""
        self._tick_interval = TickInterval(self.interval)
        self.tick_rate, self.step_rate = Rate(), Rate()
        """Ticks and ascent steps that arrive per second."""
        self._arrived = (0, 0)

    @property
    def governed(self) -> bool:
        """Return whether the governor decides: in live flights, unless switched off."""
        return self._live and self._flight.controls.flag("show.governor")

    @property
    def requested_steps(self) -> int:
        """Return how many steps per tick the performer asked for."""
        return self._flight.controls.whole("ascent.steps")

    @property
    def steps(self) -> int:
        """Return how many steps a tick that begins now takes."""
        return self.governor.steps(self.requested_steps) if self.governed else self.requested_steps

    @property
    def tick_interval(self) -> float:
        """Return the seconds between the beginnings of two ticks at least."""
        return self._tick_interval.seconds if self._software and self.governed else 0.0

    @property
    def halted(self) -> bool:
        """Return whether views are too large for the memory and smaller ones not ready."""
        return self.scale > self.governor.ceiling

    @property
    def effort(self) -> str:
        """Return the views per frame and the scales of views and canvas in words."""
        asked = self.requested_steps
        return f"{self.steps} of {asked} views, at {self.scale:g}, canvas {self._canvas_scale:g}"

    @property
    def reduction(self) -> str:
        """Return what the governor gives up for the frame rate, in words; empty for nothing."""
        if not self.governed:
            return ""
        rate = f"to keep {1 / self.interval:.0f}/s"
        if min(self.scale, self._canvas_scale) < 1:
            return f"picture reduced {rate}"
        return f"fewer views {rate}" if self.steps < self.requested_steps else ""

    @property
    def canvas(self) -> Size:
        """Return the width and height that the canvas should have now."""
        return canvas_size(self._options, self._output, self._canvas_scale, self._most)

    @property
    def _canvas_scale(self) -> float:
        scale = self.governor.canvas_scale if self.governed else 1.0
        return min(scale, self._canvas_ceiling)

    def follow_output(self, output: Size, fit: str) -> None:
        """Let the canvas follow an output of this width and height, once that has settled.

        While a window's border is dragged, each size would cost sharpness."""
        self._stable_frames = self._stable_frames + 1 if output == self._wanted else 0
        self._wanted = output
        if output != self._output and self._stable_frames * self.interval >= _SETTLED_S:
            self._output, self._canvas_ceiling = output, 1.0
        canvas = self.canvas
        ratio = output[0] / output[1]
        whole = fit == "contain" or not self._live or self._options.wall is not None
        self.visible = (math.inf, math.inf) if whole else (ratio, canvas[0] / canvas[1] / ratio)

    def fit_views(self) -> None:
        """Give the flight the size of views that the governor wants, once it is prepared."""
        engine = self._flight.loader.engine
        if engine is None:
            return
        scale = self.governor.scale if self.governed else self.governor.ceiling
        size = view_size(self._options, engine.device, self._shape, scale)
        target_selector = self._flight.target_selector
        if target_selector.size in (None, size) or target_selector.ensure_ready_at(size):
            target_selector.size, self.scale = size, scale
            smaller = self.governor.smaller if self.governed else ()
            if engine.device == "cpu":  # no device memory to run out of: one refuge is enough
                smaller = smaller[:1]
            target_selector.fallback_sizes = [
                view_size(self._options, engine.device, self._shape, each) for each in smaller
            ]
        target_selector.under_load = self.governed and self.governor.pressed

    def ascent_time_left(self, elapsed: float) -> float:
        """Return for how many seconds a frame may still wait for the ascent.

        `elapsed`: seconds since the frame began."""
        return self.interval - elapsed - self._turning - self._drawing - _MARGIN_S

    def time_until_present(self, elapsed: float) -> float:
        """Return for how many seconds a drawn frame may wait, so that frames are evenly spaced.

        `elapsed`: seconds since the frame began."""
        return self.interval - elapsed - self.showing - _MARGIN_S

    def behind(self, elapsed: float, rate: float) -> bool:
        """Return whether a frame that began `elapsed` seconds ago delays the next one.

        `rate`: frames per second that are reached now. Frames of a display that is slower than
        wanted are not late."""
        usual = max(self.interval, 1 / rate if rate else 0.0)
        return self._live and elapsed > _LATE_INTERVALS * usual

    def note_turnaround(self, seconds: float) -> None:
        """Note the seconds from one tick's arrival to the start of the next."""
        self._turning = _asymmetric_average(self._turning, seconds)

    def ticked(self, duration: float, steps: int) -> None:
        """Note a tick that arrived, and the seconds and steps that its ascent took."""
        ticks, taken = self._arrived
        self._arrived = (ticks + 1, taken + steps)
        # A tick that ran while networks were loaded or planned says little about later ones, and
        # smaller views, chosen because of it, would have to be planned as well.
        if not self._flight.loader.busy:
            self.governor.tick(duration, steps, self.requested_steps, self.scale)

    def displayed(
        self,
        now: float,
        interval: float,
        drawing: float,
        showing: float = 0.0,
        running: float = 0.0,
    ) -> None:
        """Note a frame that is on the screen since `now`.

        All in seconds. `interval`: since the previous frame. `drawing`: time to draw this one, with
        `showing` unless that waited for vsync. `showing`: time for the sinks, the clean-up and the
        buffer swap. `running`: age of the tick in flight; 0 for none."""
        self._drawing = _asymmetric_average(self._drawing, drawing)
        self.showing = _asymmetric_average(self.showing, showing)
        if interval:
            self.tick_rate.advance(interval, self._arrived[0])
            self.step_rate.advance(interval, self._arrived[1])
            self._arrived = (0, 0)
            if self.governed and self._flight.flying:
                self._tick_interval.frame(interval)
                self.governor.frame(now, interval, drawing, self.scale, running)
        self._flight.controls.set("show.effort", self.effort)
        self._flight.controls.set("show.step_rate", round(self.step_rate.value, 1))

    def out_of_memory(self) -> bool:
        """Note that a step did not fit into memory; return whether smaller views remain."""
        return self.governor.out_of_memory(self.scale)

    def no_room(self) -> bool:
        """Note that a canvas of this size exceeds the graphics memory.

        Return whether a smaller one is left."""
        smaller = [scale for scale in SCALES if scale < self._canvas_scale]
        if not smaller:
            return False
        self._canvas_ceiling = smaller[0]
        return True


def _asymmetric_average(usual: float, seconds: float) -> float:
    """Return a moving average that follows longer times faster than shorter ones."""
    return usual + (seconds - usual) / (4 if seconds > usual else 16)
