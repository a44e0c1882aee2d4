"""Route the output's events: keys, the mouse and its close button."""

from __future__ import annotations

from collections.abc import Callable

from liveflight.controllers.keyboard import Keyboard
from liveflight.core.contracts import Event, KeyPress, Output, Pointer, Quit
from liveflight.core.fault_guard import FaultGuard
from liveflight.loop.overlay import Overlay


class WindowEvents:
    """Send key presses to the keyboard and the mouse to the atlas."""

    def __init__(
        self, keyboard: Keyboard, overlay: Overlay, guard: FaultGuard, quit: Callable[[], None]
    ) -> None:
        """`quit` is called when the output is closed."""
        self._keyboard, self._browser = keyboard, overlay.browser
        self._greeting = overlay.greeting
        self._guard, self._quit = guard, quit
        keyboard.above = (overlay.search, overlay.browser)
        keyboard.picker.choose = overlay.browser.choose

    def take(self, output: Output) -> None:
        """Take what happened since the last call; a failing event does not stop the others."""
        for event in output.events():
            self._guard.run_always("a key", self._take, event)

    def _take(self, event: Event) -> None:
        match event:
            case KeyPress():
                self._greeting.dismiss()
                self._keyboard.press(event)
            case Pointer():
                self._browser.point(event)
            case Quit():
                self._quit()
