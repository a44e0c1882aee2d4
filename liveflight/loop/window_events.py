"""Route the output's events: keys, the mouse and its close button; leave full screen, and quit."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from liveflight.controllers.keyboard import Keyboard
from liveflight.core.contracts import Event, KeyPress, Output, Pointer, Quit
from liveflight.core.double_press import DOUBLE_PRESS_S, DoublePress
from liveflight.loop.overlay import Overlay
from liveflight.loop.page_keys import PageKeys
from liveflight.show.flight import Flight

LEAVE_AGAIN = "Esc again quits"
"""Message after the first of the two presses that end a flight."""


class WindowEvents:
    """Send key presses to the keyboard and the mouse to the atlas."""

    def __init__(
        self,
        output: Output,
        keyboard: Keyboard,
        overlay: Overlay,
        flight: Flight,
        quit: Callable[[], None],
        more: Callable[[], Sequence[Event]] = list,
    ) -> None:
        """Connect the triggers that concern the window.

        `quit` is called when the output is closed, or the performer wants to leave. `more` returns
        events of other windows."""
        self._output, self._keyboard, self._overlay = output, keyboard, overlay
        self._flight, self._guard, self._quit = flight, flight.guard, quit
        self._more = more
        self._leaving = DoublePress()
        self._toggles_fullscreen = False
        self._on_page = False
        """Whether a page had what is open in the frame before."""
        page_keys = PageKeys(lambda: overlay.on_page, flight.note)
        keyboard.above = (page_keys, overlay.naming, overlay.search, overlay.browser)
        flight.prompt = overlay.greeting.notify
        keyboard.picker.choose = overlay.browser.choose
        flight.on("show.fullscreen", self._toggle_fullscreen)
        flight.on("show.leave", self._leave)
        flight.on("show.quit", quit)

    def take(self, output: Output) -> None:
        """Take what happened since the last call; a failing event does not stop the others."""
        self._output = output
        if self._toggles_fullscreen:  # between frames: it may lose what is drawn
            self._toggles_fullscreen = False
            self._guard.run_always("full screen", self._output.toggle_fullscreen)
        self._keyboard.begin_frame()
        self._leave_to_page()
        for event in (*self._output.events(), *self._more()):
            self._guard.run_always("a key", self._take, event)

    def _take(self, event: Event) -> None:
        match event:
            case KeyPress():
                self._overlay.greeting.dismiss()
                self._keyboard.press(event)
            case Pointer():
                self._overlay.browser.point(event)
            case Quit():
                self._quit()

    def _leave_to_page(self) -> None:
        """Close what is open once a page comes into view.

        The audience shall not see it again when the page is gone for a moment."""
        before, self._on_page = self._on_page, self._overlay.on_page
        if self._on_page and not before:
            self._keyboard.close_all()

    def _toggle_fullscreen(self) -> None:
        self._toggles_fullscreen = True

    def _leave(self) -> None:
        """Leave full screen; in a window quit at the second press within two seconds."""
        if self._output.fullscreen:
            self._toggle_fullscreen()
        elif self._leaving.press(self._flight.elapsed):
            self._quit()
        else:
            self._flight.note(LEAVE_AGAIN, DOUBLE_PRESS_S)
