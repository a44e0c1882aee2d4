"""What is laid over the picture: the HUD, the page of keys, the atlas, lists to pick from."""

from __future__ import annotations

from liveflight.controllers import keyboard
from liveflight.controllers.control_picker import ControlPicker
from liveflight.core.contracts import Output
from liveflight.core.frame_counter import FrameCounter
from liveflight.core.mailbox import Mailbox
from liveflight.loop.frame_pacer import FramePacer
from liveflight.loop.open_controllers import OpenControllers
from liveflight.networks import described
from liveflight.render.atlas_overlay import AtlasOverlay
from liveflight.render.hud import Hud
from liveflight.show.atlas_browser import AtlasBrowser
from liveflight.show.flight import Flight
from liveflight.show.search import Search

EVERY = 0.25
"""Seconds between two texts of the HUD: setting one costs milliseconds."""

FADE = 10.0
"""Seconds for which the HUD shows a trouble after it was last reported."""


TOAST = 3.0
"""Seconds for which the atlas shows what a key has done."""


class Overlay:
    """In the `background`, new texts come a moment later and hold up no frame."""

    def __init__(
        self,
        output: Output,
        flight: Flight,
        frame_counter: FrameCounter,
        frame_pacer: FramePacer,
        mailbox: Mailbox,
        *,
        background: bool,
    ) -> None:
        self.browser = AtlasBrowser(mailbox, lambda: flight.target_selector.flown)
        self.search = Search(mailbox, self.browser)
        self._view = AtlasOverlay(output.ctx, background)
        self._view.warm_up(output.framebuffer)
        self._pointed = False
        """Whether the mouse pointer is shown for the atlas."""
        self._saying = "", 0
        """What was said and reported when the atlas was last drawn."""
        self._toast, self._spoken = "", 0.0
        """What came of that since it was opened, and how many seconds ago."""
        self._flight, self._frame_counter, self._frame_pacer = flight, frame_counter, frame_pacer
        self._hud = Hud(output.ctx, background)
        self._hud.warm_up(output.framebuffer)
        self._lines: list[str] = []
        self._age = EVERY
        self._troubles = 0
        """Reports until now."""
        self._quiet = FADE
        """Seconds since the last one."""

    def draw(
        self, output: Output, controllers: OpenControllers, picker: ControlPicker, dt: float
    ) -> None:
        """Over the output's finished frame, as far as the flight's controls want it or a download
        keeps everybody waiting."""
        controls = self._flight.controls
        self._age += dt
        self._quiet += dt
        if (troubles := self._flight.reports.counts.total()) != self._troubles:
            self._troubles, self._quiet = troubles, 0.0
        where, size, up = output.framebuffer, output.size, output.bottom_up
        if self._atlas(output, dt):
            return
        waiting = self._flight.loader.downloading and not self._flight.mix()
        if (controls.flag("show.hud") or waiting) and not self.search.open:
            if self._age >= EVERY or not dt:
                self._age, self._lines = 0.0, self.lines(controllers)
            indent = self._thumbnail(output)
            self._hud.draw(self._lines, where, size, bottom_up=up, indent=indent)
        if self.search.open:
            self._hud.draw(self.search.lines(), where, size, bottom_up=up, place="centre")
        elif picker.open:
            listed = picker.lines(self._flight.values())
            listed += (
                controllers.status_lines()
            )  # what a knob that learns waits for: it lies over the HUD
            self._hud.draw(listed, where, size, bottom_up=up, place="centre")
        elif controls.flag("show.help"):
            self._hud.draw(keyboard.help_lines(), where, size, bottom_up=up, place="centre")

    def lines(self, controllers: OpenControllers) -> list[str]:
        """Targets, rates, late frames, what the governor chose, what is being prepared, the last
        message and trouble."""
        flight, frame_counter, frame_pacer = self._flight, self._frame_counter, self._frame_pacer
        mix = [pair for pair in flight.mix().items() if pair[1] >= 0.005]
        shown = [f"{described(target)}\t{weight:.0%}" for target, weight in mix]
        steps = frame_pacer.step_rate.value
        lines = [
            *(shown or [flight.loader.downloading or "loading ..."]),
            f"{frame_counter.rate:.0f} frames/s\t{steps:.0f} steps/s\t{frame_counter.late} late",
        ]
        if flight.tempo.used or flight.modulation.on_the_beat:
            lines.append(flight.tempo.line())
        awaited = flight.loader.downloading or f"preparing {flight.awaited} ..."
        said = [
            frame_pacer.effort if frame_pacer.governed else "",
            awaited if flight.awaited else "",
            flight.last_message,
            flight.reports.last if self._quiet < FADE else "",
        ]
        return [*lines, *filter(None, said), *controllers.status_lines()]

    def _atlas(self, output: Output, dt: float) -> bool:
        """Draw the atlas over everything; whether it is open."""
        browser = self.browser
        if trouble := browser.thumbnails.trouble:
            browser.thumbnails.trouble = ""
            self._flight.reports.add(trouble)
        if browser.open != self._pointed:
            self._pointed = browser.open
            output.show_pointer(browser.open)
            self._saying, self._toast = self._said, ""
        if browser.open:
            size, up = output.size, output.bottom_up
            self._view.draw(browser.page(size), self._news(dt), output.framebuffer, size, up)
        else:
            self._view.close()
        return browser.open

    @property
    def _said(self) -> tuple[str, int]:
        """The last message, and how many troubles there were."""
        return self._flight.last_message, self._troubles

    def _news(self, dt: float) -> str:
        """What was said or reported while the atlas is open, for some seconds."""
        before, self._saying = self._saying, self._said
        self._spoken += dt
        if before != self._saying:
            trouble = before[1] != self._saying[1]
            self._toast = self._flight.reports.last if trouble else self._flight.last_message
            self._spoken = 0.0
        return self._toast if self._spoken < TOAST else ""

    def _thumbnail(self, output: Output) -> int:
        """Draw what the flown filter looks like; how many pixels that takes from the HUD's line."""
        target_selector = self._flight.target_selector
        if not target_selector.goal:
            return 0
        here, find = target_selector.here, self.browser.thumbnails.of
        size, up = output.size, output.bottom_up
        return self._view.thumbnail(here, lambda: find(here), output.framebuffer, size, up)

    def release(self) -> None:
        self._view.release()
        self._hud.release()
