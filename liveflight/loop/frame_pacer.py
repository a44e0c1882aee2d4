"""What the flight's rate asks of the ascent: how many steps, on how large a canvas, how long a
frame may wait. Tells the governor what was measured, and does what it decides."""

from __future__ import annotations

from liveflight.core.frame_counter import Rate
from liveflight.core.governor import Governor
from liveflight.show.flight import Flight
from liveflight.show.options import Options, canvas_size

_MARGIN = 0.001
"""Seconds before a frame is due by which waiting for the ascent ends, beside the time to draw."""

_BEHIND = 1.1
"""Intervals from which on a frame holds up the next one."""

_SOFTWARE = ("llvmpipe", "softpipe", "swrast", "swiftshader", "basic render", "software")
"""What renderers call themselves that draw on the processor."""


def usual_rate(renderer: str) -> float:
    """Frames per second where nobody asked for a number, by GL's name of the renderer: what draws
    on the processor takes away from the ascent what it draws more often than anyone needs."""
    return 30.0 if any(name in renderer.lower() for name in _SOFTWARE) else 60.0


class FramePacer:
    """Without `live` nothing is held back: a render takes the time it needs."""

    def __init__(self, flight: Flight, options: Options, *, live: bool) -> None:
        self.interval = 1 / options.fps
        """The wanted time between two displayed frames in seconds."""
        self.governor = Governor(self.interval)
        self.scale = 1.0
        """The canvas's, as a part of what was asked for; one of the governor's SCALES."""
        self._flight = flight
        self._options = options
        self._live = live
        self._turning = self._drawing = 0.0
        self.showing = 0.0
        """Seconds that it usually takes to show a frame, a display's time included where it is
        waited for."""
        self.tick_rate, self.step_rate = Rate(), Rate()
        """How many arrive per second."""
        self._arrived = (0, 0)

    @property
    def governed(self) -> bool:
        return self._live and self._flight.controls.flag("show.governor")

    @property
    def asked(self) -> int:
        return self._flight.controls.whole("ascent.steps")

    @property
    def steps(self) -> int:
        """How many steps a tick that begins now takes."""
        return self.governor.steps(self.asked) if self.governed else self.asked

    @property
    def halted(self) -> bool:
        """Whether the canvas is too large for the memory, and a smaller one still in
        preparation."""
        return self.scale > self.governor.ceiling

    @property
    def effort(self) -> str:
        """All of it in words."""
        return f"{self.steps} of {self.asked} steps, canvas {self.scale:g}"

    def fit_canvas(self) -> None:
        """Gives the flight the canvas that the governor wants, once it has been prepared."""
        engine = self._flight.loader.engine
        if engine is None:
            return
        scale = self.governor.scale if self.governed else self.governor.ceiling
        size = canvas_size(self._options, engine.device, scale)
        target_selector = self._flight.target_selector
        if target_selector.size in (None, size) or target_selector.ready_at(size):
            target_selector.size, self.scale = size, scale
            smaller = self.governor.smaller if self.governed else ()
            if engine.device == "cpu":  # has no memory of its own that a canvas may not fit into
                smaller = smaller[:1]
            target_selector.fallback_sizes = [
                canvas_size(self._options, engine.device, each) for each in smaller
            ]
        target_selector.behind = self.governed and self.governor.pressed

    def patience(self, elapsed: float) -> float:
        """Seconds that a frame which began `elapsed` seconds ago may still wait for the ascent."""
        return self.interval - elapsed - self._turning - self._drawing - _MARGIN

    def time_until_present(self, elapsed: float) -> float:
        """Seconds that a frame which is drawn may wait, as even as can be, until it is shown."""
        return self.interval - elapsed - self.showing - _MARGIN

    def behind(self, elapsed: float, rate: float) -> bool:
        """Whether a frame that began `elapsed` seconds ago holds up the next one, where so many
        come per second by now: those of a display that is slower than wanted do not."""
        usual = max(self.interval, 1 / rate if rate else 0.0)
        return self._live and elapsed > _BEHIND * usual

    def turned(self, seconds: float) -> None:
        """So long did it take to hand over the canvas of one tick and begin with the next."""
        self._turning = _followed(self._turning, seconds)

    def ticked(self, duration: float, steps: int) -> None:
        """A tick arrived, whose ascent took so many seconds and steps."""
        ticks, taken = self._arrived
        self._arrived = (ticks + 1, taken + steps)
        # A tick beside our own loading and planning says little of those after it, unless it is
        # overdue; a canvas given up for it would have to be planned as well, and so on.
        if not self._flight.loader.busy:
            self.governor.tick(duration, steps, self.asked, self.scale)

    def displayed(
        self,
        now: float,
        interval: float,
        drawing: float,
        showing: float = 0.0,
        running: float = 0.0,
    ) -> None:
        """A frame is on the screen, so many seconds after the one before; `drawing` of them went
        into putting it there, of which `showing` came after the controls were read for the last
        time. The tick in flight, if there is one, has been `running` for so many."""
        self._drawing = _followed(self._drawing, drawing)
        self.showing = _followed(self.showing, showing)
        if interval:
            self.tick_rate.advance(interval, self._arrived[0])
            self.step_rate.advance(interval, self._arrived[1])
            self._arrived = (0, 0)
            if self.governed and self._flight.flying:
                self.governor.frame(now, interval, drawing, self.scale, running)
        self._flight.controls.set("show.effort", self.effort)
        self._flight.controls.set("show.step_rate", round(self.step_rate.value, 1))

    def out_of_memory(self) -> bool:
        """A step did not fit: whether a smaller canvas can be tried."""
        return self.governor.out_of_memory(self.scale)


def _followed(usual: float, seconds: float) -> float:
    """What something usually takes: what is longer counts sooner."""
    return usual + (seconds - usual) / (4 if seconds > usual else 16)
