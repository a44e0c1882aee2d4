"""Draw the HUD, the help page, the atlas and the pickers for the performer."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from liveflight.controllers import keyboard
from liveflight.controllers.control_picker import ControlPicker
from liveflight.core.contracts import Output
from liveflight.core.mailbox import Mailbox
from liveflight.core.panel_places import Place
from liveflight.core.steady_switch import SteadySwitch
from liveflight.core.text_panel import Panel, Text, Tone, of_lines, row
from liveflight.loop.greeting import Greeting
from liveflight.loop.hud_panel import HudPanel
from liveflight.loop.open_controllers import OpenControllers
from liveflight.loop.performer_view import PerformerView, Surface
from liveflight.loop.show_status import ShowStatus
from liveflight.render.atlas_overlay import AtlasOverlay
from liveflight.render.hud import Hud
from liveflight.show.atlas_browser import AtlasBrowser
from liveflight.show.flight import Flight
from liveflight.show.name_search import NameSearch
from liveflight.show.preset_naming import PresetNaming

HUD_INTERVAL_S = 0.25
"""Seconds between two texts of the HUD: typesetting one takes milliseconds."""

TOAST_S = 3.0
"""Seconds for which the atlas shows the result of a key."""

_FOUND_WIDTHS = (22.0, 8.0)
"""Widths of the columns of what a search finds, in type sizes."""


class Overlay:
    """Everything that is drawn over the picture for the performer."""

    def __init__(
        self,
        output: Output,
        flight: Flight,
        status: ShowStatus,
        hud_panel: HudPanel,
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
        self.greeting = Greeting()
        self.elsewhere: Callable[[], bool] = lambda: False
        """Returns whether the performer has all this on a page in a browser."""
        self.performer: PerformerView | None = None
        """The performer's window; nothing is drawn over the picture then."""
        self.atlas = AtlasOverlay(output.ctx, background)
        self.atlas.warm_up(output.framebuffer)
        self._pointed = False
        """Whether the mouse pointer is shown for the atlas."""
        self._saying = "", 0
        """The last message, and the number of troubles, when the atlas was last drawn."""
        self._toast, self._toast_age_s = "", 0.0
        """The latest message or trouble since the atlas was opened, and its age."""
        self._flight, self._status, self._hud_panel = flight, status, hud_panel
        self.hud = Hud(output.ctx, background)
        self.hud.warm_up(output.framebuffer)
        self._rows: Panel = ()
        self._hud_age_s = HUD_INTERVAL_S
        # Anybody on the network may switch these; a panel over the picture must not flash.
        self._page, self._hud_switch, self._help_switch = (SteadySwitch() for _ in range(3))

    def draw(
        self, output: Output, controllers: OpenControllers, picker: ControlPicker, dt: float
    ) -> None:
        """Draw over the output's finished frame, or where the performer sees it instead."""
        if self.performer:
            self.performer.update(
                dt, lambda view, age: self._draw_on(view, controllers, picker, age, hud=True)
            )
        elif not self._page.follow(self.on_page, dt):
            hud = self._hud_switch.follow(self._flight.controls.flag("show.hud"), dt)
            self._draw_on(output, controllers, picker, dt, hud=hud)
        elif self._pointed:
            self._pointed = False
            output.show_pointer(False)

    def _draw_on(
        self,
        output: Surface,
        controllers: OpenControllers,
        picker: ControlPicker,
        dt: float,
        *,
        hud: bool,
    ) -> None:
        """Draw what is open and, where asked for, the HUD."""
        self._hud_age_s += dt
        if self._atlas(output, dt):
            return
        panels: dict[Place, Panel] = {}
        indent, levels = 0, dict(self._hud_panel.levels())
        if hud:
            panels["corner"] = self._hud(controllers, dt)
            indent = self._thumbnail(output)
        if self.naming.open:
            panels["main"] = _in_columns(self.naming.lines(), _FOUND_WIDTHS)
        elif self.search.open:
            panels["main"] = _in_columns(self.search.lines(), _FOUND_WIDTHS)
        elif picker.open:
            values = self._flight.values()
            said = next(iter(controllers.status_lines()), "")  # MIDI learn's prompt
            panels["main"] = (*picker.panel(values), row(Text(said, "accent")))
            levels |= picker.levels(values)
        elif self._help_switch.follow(self._flight.controls.flag("show.help"), dt):
            panels["main"] = _help()
        if line := self.greeting.line(self._status.preparing, dt):
            panels["foot"] = of_lines([line.replace("\t", "\t\t")])
        if panels:
            where, size, up = output.framebuffer, output.size, output.bottom_up
            places = self.hud.draw(panels, where, size, bottom_up=up, indent=indent, levels=levels)
            if "corner" in places:
                self.atlas.draw_thumbnail(where, size, up)

    @property
    def on_page(self) -> bool:
        """Return whether a page has all this, so that the picture is shown alone."""
        return self.performer is None and self.elsewhere()

    def hud_rows(self, controllers: OpenControllers) -> Panel:
        """Return the rows of the HUD as of now."""
        self._status.report()
        return self._hud_panel.rows(controllers)

    def _hud(self, controllers: OpenControllers, dt: float) -> Panel:
        if self._hud_age_s >= HUD_INTERVAL_S or not dt:
            self._hud_age_s, self._rows = 0.0, self.hud_rows(controllers)
        return self._rows

    def _atlas(self, output: Surface, dt: float) -> bool:
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
        return self._flight.last_message, self._flight.reports.counts.total()

    def _news(self, dt: float) -> str:
        """Return, for some seconds, the latest message or trouble while the atlas is open."""
        before, self._saying = self._saying, self._said
        self._toast_age_s += dt
        if before != self._saying:
            trouble = before[1] != self._saying[1]
            self._toast = self._flight.reports.last if trouble else self._flight.last_message
            self._toast_age_s = 0.0
        return self._toast if self._toast_age_s < TOAST_S else ""

    def _thumbnail(self, output: Surface) -> int:
        """Prepare the thumbnail of the filter being flown; return its width in pixels."""
        target_selector = self._flight.target_selector
        if not target_selector.goal:
            return 0
        here, find = target_selector.here, self.browser.thumbnails.of
        return self.atlas.thumbnail(here, lambda: find(here), output.size)

    def release(self) -> None:
        if self.performer:
            self.performer.release()
        self.atlas.release()
        self.hud.release()


def _help() -> Panel:
    lines = (line.split("\t") for line in keyboard.help_lines())
    return tuple(row(Text(keys, "accent"), help) for keys, help in lines)


def _in_columns(lines: Sequence[str], widths: Sequence[float]) -> Panel:
    """Return lines with columns of these widths, so that they stay where they are."""

    def cells(line: str) -> list[Text | str]:
        texts = line.split("\t")
        if len(texts) == 1:
            return list(texts)
        tone: Tone = "accent" if line.startswith(("/", ">")) else "normal"
        return [Text(text, tone, width) for text, width in zip(texts, widths, strict=False)]

    return tuple(row(*cells(line)) for line in lines)
