"""Draw the HUD, the help page, the atlas and the pickers over the picture."""

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
from liveflight.show.name_search import NameSearch
from liveflight.show.preset_naming import PresetNaming

HUD_INTERVAL_S = 0.25
"""Seconds between two texts of the HUD: typesetting one takes milliseconds."""

TROUBLE_S = 10.0
"""Seconds for which the HUD shows a trouble after its last report."""

TOAST_S = 3.0
"""Seconds for which the atlas shows the result of a key."""


class Overlay:
    """Everything that is drawn over the picture for the performer."""

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
        """Prepare the overlays of an output.

        With `background`, a worker prepares new texts: they come a moment later and delay no
        frame."""
        self.browser = AtlasBrowser(mailbox, lambda: flight.target_selector.goal_target)
        self.search = NameSearch(mailbox, self.browser)
        self.naming = PresetNaming(mailbox, self.browser, lambda: flight.preset_player.preset)
        self.atlas = AtlasOverlay(output.ctx, background)
        self.atlas.warm_up(output.framebuffer)
        self._pointed = False
        """Whether the mouse pointer is shown for the atlas."""
        self._saying = "", 0
        """The last message, and the number of troubles, when the atlas was last drawn."""
        self._toast, self._toast_age_s = "", 0.0
        """The latest message or trouble since the atlas was opened, and its age."""
        self._flight, self._frame_counter, self._frame_pacer = flight, frame_counter, frame_pacer
        self.hud = Hud(output.ctx, background)
        self.hud.warm_up(output.framebuffer)
        self._lines: list[str] = []
        self._hud_age_s = HUD_INTERVAL_S
        self._troubles = 0
        """Number of troubles reported until now."""
        self._trouble_age_s = TROUBLE_S
        """Seconds since the last report."""

    def draw(
        self, output: Output, controllers: OpenControllers, picker: ControlPicker, dt: float
    ) -> None:
        """Draw over the output's finished frame what the controls show, or a running download."""
        controls = self._flight.controls
        self._hud_age_s += dt
        self._trouble_age_s += dt
        if (troubles := self._flight.reports.counts.total()) != self._troubles:
            self._troubles, self._trouble_age_s = troubles, 0.0
        where, size, up = output.framebuffer, output.size, output.bottom_up
        if self._atlas(output, dt):
            return
        waiting = self._flight.loader.downloading and not self._flight.mix()
        if (controls.flag("show.hud") or waiting) and not self.search.open:
            if self._hud_age_s >= HUD_INTERVAL_S or not dt:
                self._hud_age_s, self._lines = 0.0, self.lines(controllers)
            indent = self._thumbnail(output)
            self.hud.draw(self._lines, where, size, bottom_up=up, indent=indent)
        if self.naming.open:
            self.hud.draw(self.naming.lines(), where, size, bottom_up=up, place="centre")
        elif self.search.open:
            self.hud.draw(self.search.lines(), where, size, bottom_up=up, place="centre")
        elif picker.open:
            listed = picker.lines(self._flight.values())
            listed += controllers.status_lines()  # the list covers the HUD with MIDI learn's prompt
            self.hud.draw(listed, where, size, bottom_up=up, place="centre")
        elif controls.flag("show.help"):
            self.hud.draw(keyboard.help_lines(), where, size, bottom_up=up, place="centre")

    def lines(self, controllers: OpenControllers) -> list[str]:
        """Return the HUD's lines.

        Targets, rates, late frames, the governor's choice, what is being prepared, the last message
        and the last trouble."""
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
        notes = [
            frame_pacer.effort if frame_pacer.governed else "",
            awaited if flight.awaited else "",
            flight.controls.word("show.autopilot_paused"),
            flight.last_message,
            flight.reports.last if self._trouble_age_s < TROUBLE_S else "",
        ]
        return [*lines, *filter(None, notes), *controllers.status_lines()]

    def _atlas(self, output: Output, dt: float) -> bool:
        """Draw the atlas over everything; return whether it is open."""
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
            self.atlas.draw(browser.page(size), self._news(dt), output.framebuffer, size, up)
        else:
            self.atlas.close()
        return browser.open

    @property
    def _said(self) -> tuple[str, int]:
        """Return the last message, and how many troubles there were."""
        return self._flight.last_message, self._troubles

    def _news(self, dt: float) -> str:
        """Return, for some seconds, the latest message or trouble while the atlas is open."""
        before, self._saying = self._saying, self._said
        self._toast_age_s += dt
        if before != self._saying:
            trouble = before[1] != self._saying[1]
            self._toast = self._flight.reports.last if trouble else self._flight.last_message
            self._toast_age_s = 0.0
        return self._toast if self._toast_age_s < TOAST_S else ""

    def _thumbnail(self, output: Output) -> int:
        """Draw the thumbnail of the filter being flown; return its width in pixels."""
        target_selector = self._flight.target_selector
        if not target_selector.goal:
            return 0
        here, find = target_selector.here, self.browser.thumbnails.of
        size, up = output.size, output.bottom_up
        return self.atlas.thumbnail(here, lambda: find(here), output.framebuffer, size, up)

    def release(self) -> None:
        self.atlas.release()
        self.hud.release()
