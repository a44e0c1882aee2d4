"""What is written over the picture: the HUD's lines and the page of keys."""

from __future__ import annotations

from collections.abc import Callable

from liveflight.core.contracts import Output
from liveflight.flight import Flight
from liveflight.gl.hud import Hud
from liveflight.inputs import keyboard

EVERY = 0.25
"""Seconds between two texts of the HUD."""


class Overlay:
    def __init__(self, output: Output, background: bool) -> None:
        """In the `background`, new texts come a moment later and hold up no frame."""
        self._hud = Hud(output.ctx, background)
        self._hud.warm_up(output.framebuffer)
        self._lines: list[str] = []
        self._age = EVERY

    def draw(
        self, lines: Callable[[], list[str]], flight: Flight, output: Output, dt: float
    ) -> None:
        """Over the output's finished frame, as far as the flight's controls want it or a download
        keeps everybody waiting. `lines`, the HUD's, are asked for now and then: setting a new text
        costs milliseconds."""
        self._age += dt
        where, size, up = output.framebuffer, output.size, output.bottom_up
        waiting = flight.loader.downloading and not flight.mix()
        if flight.controls.flag("show.hud") or waiting:
            if self._age >= EVERY or not dt:
                self._age, self._lines = 0.0, lines()
            self._hud.draw(self._lines, where, size, bottom_up=up)
        if flight.controls.flag("show.help"):
            self._hud.draw(keyboard.help_lines(), where, size, bottom_up=up, place="centre")

    def release(self) -> None:
        self._hud.release()
