"""Keep a full-screen window on its display, which may go, come back or change its size."""

from __future__ import annotations

import logging
from typing import Any

from liveflight.core.contracts import Size
from liveflight.outputs import x11
from liveflight.outputs.performer_window import on_display
from liveflight.outputs.sdl import pygame

log = logging.getLogger(__name__)


class HomeDisplay:
    """Bring a window back to its display once the display has been there for two checks.

    On an X server a display is known by its name, as a desktop's settings show it, elsewhere by
    its number. A window is left alone where it already fills its display."""

    def __init__(self, window: Any, handle: int, display: int, size: Size) -> None:
        """Take SDL's window and its number on the X server, open on a display of this size."""
        self._window, self._handle, self._display = window, handle, display
        self._name = x11.monitor(display, size)
        self._seen: x11.Area | None = None
        """The display's place at the check before, where the window is elsewhere."""
        self._gone = False

    def check(self) -> None:
        """Look once; move the window where it has to."""
        place = self._place()
        if not place:
            if not self._gone:
                log.warning("display %s is gone: the show goes on", self._called)
            self._gone, self._seen = True, None
            return
        if place == self._window_place(place):
            if self._gone:
                log.warning("display %s is back", self._called)
            self._gone, self._seen = False, None
        elif place == self._seen:
            self._move(place)
        else:
            self._seen = place

    @property
    def _called(self) -> str:
        return self._name or str(self._display)

    def _place(self) -> x11.Area | None:
        if self._name:
            return x11.monitors().get(self._name)
        sizes = pygame.display.get_desktop_sizes()
        return (0, 0, *sizes[self._display]) if self._display < len(sizes) else None

    def _window_place(self, wanted: x11.Area) -> x11.Area:
        size = tuple(pygame.display.get_window_size())
        where = tuple(self._window.position) if self._name else wanted[:2]
        return (where[0], where[1], size[0], size[1])

    def _move(self, place: x11.Area) -> None:
        log.warning("the window moves to display %s, %dx%d", self._called, *place[2:])
        if self._name and not x11.has_window_manager():
            x11.put(self._handle, place)
            return
        try:  # a window in full screen keeps to its display
            self._window.set_windowed()
            self._window.position = place[:2] if self._name else on_display(self._display)
            self._window.set_fullscreen(True)
        except pygame.error as error:
            log.warning("display %s cannot be used again: %s", self._called, error)
