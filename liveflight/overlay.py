"""What is written over the picture: the HUD's lines and the page of keys."""

from __future__ import annotations

from liveflight.core.contracts import Output
from liveflight.core.meter import Meter
from liveflight.flight import Flight
from liveflight.gl.hud import Hud
from liveflight.inputs import keyboard
from liveflight.inputs.picker import Picker
from liveflight.networks import described
from liveflight.pace import Pace
from liveflight.surfaces import Surfaces

EVERY = 0.25
"""Seconds between two texts of the HUD: setting one costs milliseconds."""

FADE = 10.0
"""Seconds for which the HUD shows a trouble after it was last reported."""


class Overlay:
    """In the `background`, new texts come a moment later and hold up no frame."""

    def __init__(
        self, output: Output, flight: Flight, meter: Meter, pace: Pace, *, background: bool
    ) -> None:
        self._flight, self._meter, self._pace = flight, meter, pace
        self._hud = Hud(output.ctx, background)
        self._hud.warm_up(output.framebuffer)
        self._lines: list[str] = []
        self._age = EVERY
        self._troubles = 0
        """Reports until now."""
        self._quiet = FADE
        """Seconds since the last one."""

    def draw(self, output: Output, surfaces: Surfaces, picker: Picker, dt: float) -> None:
        """Over the output's finished frame, as far as the flight's controls want it or a download
        keeps everybody waiting."""
        controls = self._flight.controls
        self._age += dt
        self._quiet += dt
        if (troubles := self._flight.reports.counts.total()) != self._troubles:
            self._troubles, self._quiet = troubles, 0.0
        where, size, up = output.framebuffer, output.size, output.bottom_up
        waiting = self._flight.loader.downloading and not self._flight.mix()
        if controls.flag("show.hud") or waiting:
            if self._age >= EVERY or not dt:
                self._age, self._lines = 0.0, self.lines(surfaces)
            self._hud.draw(self._lines, where, size, bottom_up=up)
        if picker.open:
            listed = picker.lines(self._flight.values())
            listed += surfaces.lines()  # what a knob that learns waits for: it lies over the HUD
            self._hud.draw(listed, where, size, bottom_up=up, place="centre")
        elif controls.flag("show.help"):
            self._hud.draw(keyboard.help_lines(), where, size, bottom_up=up, place="centre")

    def lines(self, surfaces: Surfaces) -> list[str]:
        """Targets, rates, late frames, what the governor chose, what is being prepared, the last
        message and trouble."""
        flight, meter, pace = self._flight, self._meter, self._pace
        mix = [pair for pair in flight.mix().items() if pair[1] >= 0.005]
        shown = [f"{described(target)}\t{weight:.0%}" for target, weight in mix]
        steps = pace.step_rate.value
        lines = [
            *(shown or [flight.loader.downloading or "loading ..."]),
            f"{meter.rate:.0f} frames/s\t{steps:.0f} steps/s\t{meter.late} late",
        ]
        if flight.tempo.used or flight.modulation.on_the_beat:
            lines.append(flight.tempo.line())
        awaited = flight.loader.downloading or f"preparing {flight.awaited} ..."
        said = [
            pace.effort if pace.governed else "",
            awaited if flight.awaited else "",
            flight.last_message,
            flight.reports.last if self._quiet < FADE else "",
        ]
        return [*lines, *filter(None, said), *surfaces.lines()]

    def release(self) -> None:
        self._hud.release()
