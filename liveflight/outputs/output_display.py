"""Show the picture alone, full screen on one display, and the performer's window on another."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence

from liveflight.core.contracts import Event, KeyPress, Quit, Size
from liveflight.outputs.performer_window import PerformerWindow, on_display
from liveflight.outputs.sdl import pygame
from liveflight.outputs.window import Window

_log = logging.getLogger(__name__)

_POLL_INTERVAL_S = 1.0
"""Seconds between two looks at which displays there are."""


class OutputDisplay(Window):
    """The audience's window and, where there is another display, the performer's.

    Keys count in either. A performer's window that was closed opens again with the next key."""

    def __init__(self, display: int, clock: Callable[[], float] = time.monotonic) -> None:
        """Go full screen on a display, numbered from 0.

        Raises LiveflightError where there is no such display."""
        super().__init__(fullscreen=True, display=display)
        self._display, self._clock = display, clock
        self._next_look = clock() + _POLL_INTERVAL_S
        self._lost = False
        self._performer: PerformerWindow | None = None

    @property
    def fullscreen(self) -> bool:
        """Return no: Escape, pressed in either window, leaves the audience's picture as it is."""
        return False

    def open_performer(self, size: Size) -> PerformerWindow | None:
        """Open the performer's window at this size; None, with a warning, without a display."""
        others = [each for each in range(len(_displays())) if each != self._display]
        if others:
            self._performer = PerformerWindow(others[0], size)
        else:
            _log.warning("there is no other display: HUD and help lie over the picture")
        return self._performer

    def events(self) -> Sequence[Event]:
        """Return the events of both windows; look for the display once a second."""
        found: list[Event] = []
        for event in pygame.event.get((pygame.WINDOWCLOSE, pygame.WINDOWENTER)):
            ours = self._performer is not None and self._performer.owns(event.window)
            if event.type == pygame.WINDOWENTER:
                pygame.mouse.set_visible(ours or self._pointer_wanted)
            elif ours and self._performer:
                self._performer.close()
            else:
                found.append(Quit())
        found += super().events()
        if self._performer:
            if any(isinstance(event, KeyPress) for event in found):
                self._performer.open()
            self._performer.follow_size()
        if self._clock() >= self._next_look:
            self._next_look = self._clock() + _POLL_INTERVAL_S
            self._look_for_display()
        return found

    def show(self) -> None:
        first = self.hidden
        super().show()
        if first and self._performer:
            self._performer.to_front()

    def close(self) -> None:
        if self._performer:
            self._performer.close()
        super().close()

    def _look_for_display(self) -> None:
        """Go back to the display once it has returned."""
        there = self._display < len(_displays())
        if self._lost and there:
            self._return()
        elif not there and not self._lost:
            _log.warning("display %d is gone: the show goes on and returns to it", self._display)
        self._lost = not there

    def _return(self) -> None:
        window = self.handle
        try:  # a window in full screen keeps to its display
            window.set_windowed()
            window.position = on_display(self._display)
            window.set_fullscreen(True)
        except pygame.error as error:
            _log.warning("display %d cannot be used again: %s", self._display, error)
        else:
            _log.warning("display %d is back", self._display)
        self._follow_size()


def _displays() -> list[Size]:
    return list(pygame.display.get_desktop_sizes())
